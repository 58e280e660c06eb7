package eventmetrics_test

import (
	"errors"
	"strings"
	"testing"

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

func TestDefaultOptionsMakeSense(t *testing.T) {
	if err := new(eventmetrics.Options).Validate(); err != nil {
		t.Error(err)
	}
}
