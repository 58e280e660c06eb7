package eventmetrics_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/upload"
)

// readOnly is a store that fails the test on any write.
type readOnly struct {
	store.Store
	t *testing.T
}

var errWritten = errors.New("a write to what must not be written")

func (s readOnly) wrote(method string) error {
	s.t.Errorf("%s was called", method)
	return errWritten
}

func (s readOnly) Begin(context.Context, string) (store.Writer, error) {
	return nil, s.wrote("Begin")
}

func (s readOnly) SetStatus(context.Context, string, []store.Status, store.Status, string) error {
	return s.wrote("SetStatus")
}

func (s readOnly) Record(context.Context, string, metrics.Contribution) error {
	return s.wrote("Record")
}

func (s readOnly) DeleteBatch(context.Context, string) error { return s.wrote("DeleteBatch") }

func (s readOnly) Prune(context.Context, store.PruneQuery) (store.Pruned, error) {
	return store.Pruned{}, s.wrote("Prune")
}

func TestADryRunTellsWhatWouldHappenAndWritesNothing(t *testing.T) {
	r := newRig(t, nil, true)
	id := r.upload(t, day(40)+strings.Repeat(badRow, 6)).ID
	r.process(t, id)
	r.upload(t, day(7)) // not processed: does not count yet
	dry := eventmetrics.New(readOnly{r.store, t}, r.queue, nil)
	f := eventmetrics.File{
		Body:           strings.NewReader(day(5) + "C1,T1,ended,2025-11-09\n,T1,a,2025-11-08\n" + badRow + badRow + "C1,,a,2025-11-08\n" + badRow),
		IdempotencyKey: "k", RepairOf: id, Tolerance: eventmetrics.Tolerance{MaxErrors: 5},
	}
	got, err := dry.DryRun(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	want := eventmetrics.Preview{
		AcceptedRows: 6, RejectedRows: 5,
		Errors: []eventmetrics.ErrorGroup{
			{Code: ingest.BadTimestamp, Column: "timestamp", Count: 3, First: ingest.RowError{Row: 8, Line: 9, Value: "never"}},
			{Code: ingest.MissingValue, Column: "candidate_id", Count: 1, First: ingest.RowError{Row: 7, Line: 8}},
			{Code: ingest.MissingValue, Column: "test_id", Count: 1, First: ingest.RowError{Row: 10, Line: 11}},
		},
		Changes:     []eventmetrics.Change{{Day: dayOf("2025-11-08"), Type: "started", Before: 40, After: 45}, {Day: dayOf("2025-11-09"), Type: "ended", After: 1}},
		ChangeCount: 2,
		ReadAs: ingest.ReadAs{
			Format: "csv", Delimiter: ",", Encoding: "utf-8", TimeZone: "UTC", TimeForms: []string{"iso_zoned", "iso_date"}, HeaderLine: 1,
		},
		Warnings: []ingest.Warning{{Code: upload.ManyRejected, Message: "5 of 11 rows were rejected", Count: 5, Line: 8}},
	}
	short := cmpopts.IgnoreFields(ingest.RowError{}, "Column", "Code", "Message", "Record")
	if d := cmp.Diff(want, got, short); d != "" {
		t.Error(d)
	}
	if _, err := r.Upload(t.Context(), eventmetrics.File{Body: strings.NewReader(day(1)), IdempotencyKey: "k"}); err != nil {
		t.Errorf("the dry run took the key: %v", err)
	}
}

func dayOf(text string) metrics.Day {
	day, err := metrics.ParseDay(text)
	if err != nil {
		panic(err)
	}
	return day
}

func TestADryRunIsRefusedAsTheUploadWouldBe(t *testing.T) {
	r := newRig(t, nil, false)
	dry := eventmetrics.New(readOnly{r.store, t}, r.queue, &eventmetrics.Options{MaxUploadBytes: 1 << 10})
	wet := eventmetrics.New(r.store, r.queue, &eventmetrics.Options{MaxUploadBytes: 1 << 10})
	for _, tc := range []struct {
		name, content string
		file          eventmetrics.File
	}{
		{"no row", header, eventmetrics.File{}},
		{"no column", "a,b\n1,2\n", eventmetrics.File{}},
		{"no valid row", header + badRow, eventmetrics.File{}},
		{"too many errors", day(1) + badRow, eventmetrics.File{Tolerance: eventmetrics.Tolerance{Strict: true}}},
		{"too large", day(100), eventmetrics.File{}},
		{"nothing repaired", day(1), eventmetrics.File{RepairOf: "0199d2f8-0000-7000-8000-000000000000"}},
	} {
		tc.file.Body = strings.NewReader(tc.content)
		_, got := dry.DryRun(t.Context(), tc.file)
		tc.file.Body = strings.NewReader(tc.content)
		_, want := wet.Upload(t.Context(), tc.file)
		if got == nil || want == nil || got.Error() != want.Error() {
			t.Errorf("%s: the dry run says %v, the upload %v", tc.name, got, want)
		}
	}
}

func TestADryRunForetellsTheMetrics(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		files := rapid.SliceOfN(rapid.SliceOfN(rapid.IntRange(0, 29), 1, 30), 1, 4).Draw(rt, "rows of files")
		r := newRig(t, nil, false)
		for _, rows := range files {
			var text strings.Builder
			text.WriteString(header)
			for _, n := range rows {
				fmt.Fprintf(&text, "C1,T1,type %d,2025-11-%02dT09:00:00Z\n", n%5, 1+n/5)
			}
			content := text.String()
			dry, err := r.DryRun(t.Context(), eventmetrics.File{Body: strings.NewReader(content), AllowDuplicate: true})
			if err != nil {
				rt.Fatal(err)
			}
			before := r.counts(t)
			b := r.upload(t, content)
			r.count(t, b.ID)
			want, changed := r.counts(t), map[string]bool{}
			for _, c := range dry.Changes {
				line := func(n int64) string { return fmt.Sprintf("%s %s %d", c.Day, c.Type, n) }
				changed[line(c.After)] = true
				if c.Before > 0 && !slices.Contains(before, line(c.Before)) {
					rt.Fatalf("before: %v, foretold %+v", before, c)
				}
				if !slices.Contains(want, line(c.After)) {
					rt.Fatalf("after: %v, foretold %+v", want, c)
				}
			}
			for _, line := range want {
				if !changed[line] && !slices.Contains(before, line) {
					rt.Fatalf("%s was not foretold", line)
				}
			}
		}
	})
}

func TestADryRunListsTheFirstOfManyChanges(t *testing.T) {
	r := newRig(t, nil, false)
	var content strings.Builder
	content.WriteString(header)
	for i := range 1500 {
		fmt.Fprintf(&content, "C1,T1,a,%s\n", time.Date(2015, 1, 1+i, 0, 0, 0, 0, time.UTC).Format(time.DateOnly))
	}
	r.count(t, r.upload(t, content.String()).ID)
	got, err := r.DryRun(t.Context(), eventmetrics.File{Body: strings.NewReader(content.String()), AllowDuplicate: true})
	if err != nil || len(got.Changes) != 1000 || got.ChangeCount != 1500 {
		t.Fatalf("%d changes of %d, %v", len(got.Changes), got.ChangeCount, err)
	}
	want := eventmetrics.Change{Day: dayOf("2015-01-01") + 999, Type: "a", Before: 1, After: 2}
	if d := cmp.Diff(want, got.Changes[999]); d != "" {
		t.Error(d)
	}
}

func TestADryRunKeepsFewOfManyReasons(t *testing.T) {
	r := newRig(t, nil, false)
	var content strings.Builder
	long := strings.Repeat("x", 1025)
	for i := range 500 {
		fmt.Fprintf(&content, `{"candidate_id":"C1","test_id":"T1","event_type":"a","timestamp":"2025-11-08","column %d":%q}`+"\n", i, long)
	}
	content.WriteString(`{"candidate_id":"C1","test_id":"T1","event_type":"a","timestamp":"2025-11-08"}`)
	got, err := r.DryRun(t.Context(), eventmetrics.File{Format: ingest.NDJSON, Body: strings.NewReader(content.String())})
	if err != nil || got.RejectedRows != 500 || len(got.Errors) != 100 || !got.MoreErrors {
		t.Errorf("%d failed for %d reasons, more %t, %v", got.RejectedRows, len(got.Errors), got.MoreErrors, err)
	}
}
