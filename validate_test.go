package eventmetrics_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/httpapi"
	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/queue/memqueue"
	"github.com/eventmetrics/eventmetrics/store/memstore"
)

func TestOptionsThatMakeNoSenseAreRefused(t *testing.T) {
	bad := ingest.Schema{Rules: []ingest.Rule{{Column: "score", Pattern: "("}}}
	for place, opts := range map[string]*eventmetrics.Options{
		"Schema":            {Schema: bad},
		`Schemas["visits"]`: {Schemas: map[string]ingest.Schema{"visits": bad, "other": {}}},
	} {
		service := eventmetrics.New(memstore.New(), memqueue.New(nil), opts)
		_, ofAPI := httpapi.New(service, &httpapi.Options{Authorize: httpapi.AllowAll})
		for who, err := range map[string]error{"Validate": opts.Validate(), "Run": service.Run(t.Context()), "httpapi.New": ofAPI} {
			var rule *ingest.RuleError
			if !errors.As(err, &rule) || !strings.Contains(err.Error(), place) || strings.Contains(err.Error(), "other") {
				t.Errorf("%s of a bad %s: %v", who, place, err)
			}
		}
	}
}

func TestAServiceThatCannotWorkSaysSo(t *testing.T) {
	st, q := memstore.New(), memqueue.New(nil)
	own := ingest.Schema{EventType: "kind", Time: "at", Required: []string{"page"}}
	for name, tc := range map[string]struct {
		service *eventmetrics.Service
		says    string
	}{
		"nothing":                      {eventmetrics.New(nil, nil, nil), "queue"},
		"no store":                     {eventmetrics.New(nil, q, nil), "store"},
		"no queue":                     {eventmetrics.New(st, nil, nil), "queue"},
		"an own schema and no subject": {eventmetrics.New(st, q, &eventmetrics.Options{Schema: own}), "Subject"},
		"a schema without a name":      {eventmetrics.New(st, q, &eventmetrics.Options{Schemas: map[string]ingest.Schema{"": {}}}), "Schemas"},
		"a cleanup of everything":      {eventmetrics.New(st, q, &eventmetrics.Options{CleanupTTL: -1}), "CleanupTTL"},
		"keys that are never kept":     {eventmetrics.New(st, q, &eventmetrics.Options{KeyTTL: -time.Hour}), "KeyTTL"},
		"uploads of less than nothing": {eventmetrics.New(st, q, &eventmetrics.Options{MaxUploadBytes: -1}), "MaxUploadBytes"},
		"a subject as a dimension":     {eventmetrics.New(st, q, &eventmetrics.Options{Dimensions: []string{"candidate_id"}}), "Dimensions"},
	} {
		t.Run(name, func(t *testing.T) {
			_, ofAPI := httpapi.New(tc.service, &httpapi.Options{Authorize: httpapi.AllowAll})
			errs := callAll(t, tc.service)
			errs["httpapi.New"] = ofAPI
			for method, err := range errs {
				if err == nil || !strings.Contains(err.Error(), tc.says) {
					t.Errorf("%s: %v, want an error about %s", method, err, tc.says)
				}
			}
		})
	}
	if _, err := httpapi.New(nil, &httpapi.Options{Authorize: httpapi.AllowAll}); err == nil {
		t.Error("httpapi.New without a service: no error")
	}
}

// callAll calls each method of a Service that can return an error with zero
// arguments, and returns the errors by its name.
func callAll(t *testing.T, s *eventmetrics.Service) map[string]error {
	t.Helper()
	errs := map[string]error{}
	v := reflect.ValueOf(s)
	for i := range v.NumMethod() {
		name, method := v.Type().Method(i).Name, v.Method(i)
		args := []reflect.Value{}
		for in := range method.Type().Ins() {
			args = append(args, reflect.Zero(in))
		}
		if len(args) > 0 && method.Type().In(0) == reflect.TypeFor[context.Context]() {
			args[0] = reflect.ValueOf(t.Context())
		}
		if name == "Options" || name == "Schema" || name == "SchemaNames" || name == "Integrity" || name == "ExpiresAt" { // read what is there
			continue
		}
		results := method.Call(args)
		last := results[len(results)-1]
		if err, isError := reflect.TypeAssert[error](last); isError || last.Type() == reflect.TypeFor[error]() {
			errs[name] = err
			continue
		}
		for _, err := range last.Seq2() {
			errs[name], _ = reflect.TypeAssert[error](err)
		}
		if _, ok := errs[name]; !ok {
			errs[name] = nil
		}
	}
	return errs
}

func TestAFileWithoutABodyIsRefused(t *testing.T) {
	s := eventmetrics.New(memstore.New(), memqueue.New(nil), nil)
	if _, err := s.Upload(t.Context(), eventmetrics.File{}); !errors.Is(err, eventmetrics.ErrNoBody) {
		t.Errorf("Upload: %v, want ErrNoBody", err)
	}
	if _, err := s.DryRun(t.Context(), eventmetrics.File{}); !errors.Is(err, eventmetrics.ErrNoBody) {
		t.Errorf("DryRun: %v, want ErrNoBody", err)
	}
}

func TestAServiceWithoutSubjectsErasesNone(t *testing.T) {
	own := ingest.Schema{EventType: "kind", Time: "at", Required: []string{"page"}}
	s := eventmetrics.New(memstore.New(), memqueue.New(nil), &eventmetrics.Options{Schema: own, Subject: eventmetrics.NoSubject})
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Upload(t.Context(), eventmetrics.File{Body: strings.NewReader("kind,at,page,-\na,2025-11-08,p,C1\n")}); err != nil {
		t.Fatal(err)
	}
	if r, err := s.Erase(t.Context(), eventmetrics.Erasure{Subject: "C1", Counts: eventmetrics.KeepCounts}); !errors.Is(err, eventmetrics.ErrUnsupported) {
		t.Errorf("Erase: %+v, %v; want ErrUnsupported", r, err)
	}
}

func TestDefaultOptionsMakeSense(t *testing.T) {
	for _, o := range []*eventmetrics.Options{nil, {}} {
		if err := o.Validate(); err != nil {
			t.Error(err)
		}
	}
}
