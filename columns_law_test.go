package eventmetrics_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/metrics/series"
	"github.com/eventmetrics/eventmetrics/queue/memqueue"
	"github.com/eventmetrics/eventmetrics/store/memstore"
)

// spelled draws a way to write a name that its reader takes for the same.
func spelled(rt *rapid.T, name string) string {
	var b strings.Builder
	unseen := func() string {
		return rapid.SampledFrom([]string{"", "", "", "\u200b", "\ufeff", "\u00ad", "\u2060"}).Draw(rt, "unseen")
	}
	for _, c := range name {
		if rapid.Bool().Draw(rt, "upper") {
			c = []rune(strings.ToUpper(string(c)))[0]
		}
		b.WriteString(unseen() + string(c))
	}
	return around(rt, b.String()+unseen())
}

// around draws a way to write a value with what does not belong to it.
func around(rt *rapid.T, value string) string {
	edge := func() string {
		return rapid.SampledFrom([]string{"", "", " ", "\t", "\u00a0", "\u200b", "\ufeff"}).Draw(rt, "edge")
	}
	return edge() + value + edge()
}

// spelledFile writes rows of columns as CSV or NDJSON. If it is plain, names and
// values are written as they are.
func spelledFile(rt *rapid.T, f ingest.Format, columns []string, rows [][]string, plain bool) string {
	name, value := spelled, around
	if plain {
		name = func(_ *rapid.T, s string) string { return s }
		value = name
	}
	var names []string
	for _, c := range columns {
		names = append(names, name(rt, c))
	}
	var b strings.Builder
	if f == ingest.CSV {
		b.WriteString(strings.Join(names, ",") + "\n")
	}
	for _, row := range rows {
		var cells []string
		for i, v := range row {
			if v = value(rt, v); f == ingest.CSV {
				cells = append(cells, v)
				continue
			}
			k, _ := json.Marshal(name(rt, columns[i]))
			text, _ := json.Marshal(v)
			cells = append(cells, fmt.Sprintf("%s:%s", k, text))
		}
		if f == ingest.CSV {
			b.WriteString(strings.Join(cells, ",") + "\n")
		} else {
			b.WriteString("{" + strings.Join(cells, ",") + "}\n")
		}
	}
	return b.String()
}

// TestSpellingsOfColumnsAndValuesMakeNoDifference compares what is known of two
// files that look the same.
func TestSpellingsOfColumnsAndValuesMakeNoDifference(t *testing.T) {
	columns := []string{"candidate_id", "event_type", "timestamp", "event_id", "country", "straße"}
	rapid.Check(t, func(rt *rapid.T) {
		var rows [][]string
		for range rapid.IntRange(1, 5).Draw(rt, "rows") {
			rows = append(rows, []string{
				rapid.SampledFrom([]string{"C1", "C2", "C3"}).Draw(rt, "subject"), rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "type"),
				"2025-11-08T10:00:00Z", rapid.SampledFrom([]string{"", "1", "2"}).Draw(rt, "id"),
				rapid.SampledFrom([]string{"np", "de"}).Draw(rt, "country"), rapid.SampledFrom([]string{"x", ""}).Draw(rt, "street"),
			})
		}
		schema := rapid.SampledFrom([]ingest.Schema{
			{Required: []string{}},
			{Required: []string{"Country"}, EventType: "Event_Type", Time: "TIMESTAMP"},
			{Required: []string{}, Rules: []ingest.Rule{{Column: "Candidate_ID", MaxLength: 9}}},
		}).Draw(rt, "schema")
		st := memstore.New()
		s := eventmetrics.New(st, memqueue.New(nil), &eventmetrics.Options{
			Schema: schema, Dimensions: []string{spelled(rt, "country"), spelled(rt, "straße")}, Subject: spelled(rt, "candidate_id"),
		})
		r := &rig{Service: s, store: st}
		send := func(plain bool) eventmetrics.Receipt {
			format := rapid.SampledFrom([]ingest.Format{ingest.CSV, ingest.NDJSON}).Draw(rt, "format")
			receipt, err := s.Upload(t.Context(), eventmetrics.File{
				Format: format, Body: strings.NewReader(spelledFile(rt, format, columns, rows, plain)),
				Dedupe: eventmetrics.DedupeOccurrence, AllowDuplicate: true,
			})
			if err != nil {
				rt.Fatal(err)
			}
			return receipt
		}
		known := func() []string {
			return append(r.answers(t, series.Query{Uniques: true}), append(
				r.answers(t, series.Query{GroupBy: []string{spelled(rt, "straße"), spelled(rt, "country")}}),
				r.answers(t, series.Query{Where: map[string][]string{spelled(rt, "country"): {"np"}}})...)...)
		}
		first := send(true)
		r.count(t, first.Batch.ID)
		want := known()
		if again := send(false); again.Batch.AcceptedRows != 0 {
			rt.Fatalf("%d rows are new because of their spelling", again.Batch.AcceptedRows)
		}
		if err := s.DeleteBatch(t.Context(), first.Batch.ID); err != nil {
			rt.Fatal(err)
		}
		other := send(false)
		r.count(t, other.Batch.ID)
		if d := cmp.Diff(want, known()); d != "" {
			rt.Fatal(d)
		}
		erased, err := s.Erase(t.Context(), eventmetrics.Erasure{Subject: around(rt, rows[0][0]), Counts: eventmetrics.SubtractCounts})
		if err != nil || erased.Events == 0 {
			rt.Fatalf("erased: %+v, %v", erased, err)
		}
		for e, err := range st.Events(t.Context(), other.Batch.ID) {
			if err != nil || e.Field("candidate_id") == rows[0][0] {
				rt.Fatalf("the subject is still there: %+v, %v", e, err)
			}
		}
	})
}

func (r *rig) answers(t *testing.T, q series.Query) (lines []string) {
	t.Helper()
	a, err := r.Query(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range a.Buckets {
		lines = append(lines, fmt.Sprintf("%s %q %d %d", b.Type, b.Group, b.Count, b.Uniques()))
	}
	return append(lines, fmt.Sprintf("%d unattributed", a.Unattributed))
}

func TestTwoColumnsOfOneMeaningAreRefused(t *testing.T) {
	s := eventmetrics.New(memstore.New(), memqueue.New(nil), &eventmetrics.Options{
		Schema: ingest.Schema{Required: []string{}}, Subject: "candidate_id", Dimensions: []string{"country", "a b", "s"},
	})
	for _, names := range []string{"Country,country", "candidate_id,Candidate_ID", "country,\u200bcountry\u200b", "a b,a\u00a0b", "ſ,s"} {
		_, err := s.Upload(t.Context(), eventmetrics.File{Body: strings.NewReader("event_type,timestamp," + names + "\na,2025-11-08T10:00:00Z,1,2\n")})
		if header, ok := errors.AsType[*ingest.HeaderError](err); !ok || len(header.Duplicate) != 1 {
			t.Errorf("%s: %v, want a duplicate column", names, err)
		}
	}
}
