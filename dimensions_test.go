package eventmetrics_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/metrics/series"
	"github.com/eventmetrics/eventmetrics/queue/memqueue"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/memstore"
	"github.com/eventmetrics/eventmetrics/upload"
)

// dimensional returns a Service with dimensions on a store.
func dimensional(st store.Store, dimensions ...string) *rig {
	s := eventmetrics.New(st, memqueue.New(nil), &eventmetrics.Options{Dimensions: dimensions})
	memory, _ := st.(*memstore.Store)
	return &rig{Service: s, store: memory}
}

// complete does what a worker does.
func (r *rig) complete(t *testing.T, content string) string {
	t.Helper()
	id := r.upload(t, content).ID
	r.count(t, id)
	if err := r.store.SetStatus(t.Context(), id, store.Statuses(), store.Completed, ""); err != nil {
		t.Fatal(err)
	}
	return id
}

func (r *rig) groups(t *testing.T, s series.Query) ([]string, int64) {
	t.Helper()
	a, err := r.Query(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, b := range a.Buckets {
		lines = append(lines, fmt.Sprintf("%s %s %q %d", b.Start.Format(time.RFC3339), b.Type, b.Group, b.Count))
	}
	return lines, a.Unattributed
}

func TestReprocessIsAsIfDimensionsHadAlwaysBeen(t *testing.T) {
	file := rapid.Custom(func(t *rapid.T) string {
		var b strings.Builder
		b.WriteString("candidate_id,test_id,event_type,timestamp,Place\n")
		for range rapid.IntRange(1, 12).Draw(t, "rows") {
			fmt.Fprintf(&b, "C%d,T%d,%s,2025-11-%02dT%02d:20:00Z,%s\n", rapid.IntRange(1, 3).Draw(t, "candidate"), rapid.IntRange(1, 3).Draw(t, "test"),
				rapid.SampledFrom([]string{"a", "b"}).Draw(t, "type"), rapid.IntRange(8, 10).Draw(t, "day"), rapid.IntRange(0, 23).Draw(t, "hour"),
				rapid.SampledFrom([]string{"np", "de", ""}).Draw(t, "place"))
		}
		return b.String()
	})
	configurations := [][]string{nil, {"test_id"}, {"place"}, {"test_id", "place"}}
	rapid.Check(t, func(rt *rapid.T) {
		files := rapid.SliceOfN(file, 1, 5).Draw(rt, "files")
		last := rapid.SampledFrom(configurations[1:]).Draw(rt, "dimensions")
		always, changed := dimensional(memstore.New(), last...), memstore.New()
		foreign := int64(0)
		for _, content := range files {
			by := rapid.SampledFrom(configurations).Draw(rt, "earlier")
			always.complete(t, content)
			dimensional(changed, by...).complete(t, content)
			if !slices.Equal(by, last) {
				foreign++
			}
		}
		now := dimensional(changed, last...)
		report, err := now.Reprocess(t.Context())
		if err != nil || report.Filled != foreign || report.Drifted != 0 || report.Amended != 0 {
			rt.Fatalf("reprocess: %+v, %v; want %d filled and nothing else", report, err, foreign)
		}
		if again, _ := now.Reprocess(t.Context()); again.Filled != 0 {
			rt.Fatalf("filled again: %+v", again)
		}
		kathmandu := time.FixedZone("NPT", 5*3600+45*60)
		for _, s := range []series.Query{
			{GroupBy: last},
			{GroupBy: last[:1], Interval: series.Hour, Zone: kathmandu, Fill: true},
			{Where: map[string][]string{last[0]: {"T1", "np"}}, Total: true, Interval: series.Week},
		} {
			want, _ := always.groups(t, s)
			got, unattributed := now.groups(t, s)
			if d := cmp.Diff(want, got); d != "" || unattributed != 0 {
				rt.Fatalf("%+v: %d unattributed: %s", s, unattributed, d)
			}
		}
	})
}

func TestWhatIsNotBrokenDownIsSaid(t *testing.T) {
	st := memstore.New()
	dimensional(st).complete(t, header+"C1,T1,a,2025-11-08T09:00:00Z\nC2,T2,a,2025-11-08T09:00:00Z\n")
	dimensional(st, "test_id").complete(t, header+"C1,T1,a,2025-11-08T10:00:00Z\n")
	r := dimensional(st, "test_id")
	got, unattributed := r.groups(t, series.Query{GroupBy: []string{"test_id"}})
	want := []string{`2025-11-08T00:00:00Z a ["T1"] 1`, `2025-11-08T00:00:00Z a ["__unknown__"] 2`}
	if d := cmp.Diff(want, got); d != "" || unattributed != 2 {
		t.Errorf("unattributed %d: %s", unattributed, d)
	}
	got, unattributed = r.groups(t, series.Query{Where: map[string][]string{"test_id": {"T1"}}})
	if d := cmp.Diff([]string{`2025-11-08T00:00:00Z a [] 1`}, got); d != "" || unattributed != 2 {
		t.Errorf("filtered: unattributed %d: %s", unattributed, d)
	}
}

func TestFillingIsNoErrorAndSealedBatchesStay(t *testing.T) {
	st := memstore.New()
	old := dimensional(st)
	sealed := old.complete(t, header+"C1,T1,a,2025-11-08T09:00:00Z\n")
	old.complete(t, header+"C1,T2,a,2025-11-08T09:00:00Z\n")
	if err := st.PurgeEvents(t.Context(), sealed); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	s := eventmetrics.New(st, memqueue.New(nil), &eventmetrics.Options{
		Dimensions: []string{"test_id"}, Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	for _, want := range []eventmetrics.Report{
		{Batches: 1, Events: 1, Purged: 1, Filled: 1, Unfilled: 1},
		{Batches: 1, Events: 1, Purged: 1, Unfilled: 1},
	} {
		report, err := s.Reprocess(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, report); d != "" {
			t.Error(d)
		}
	}
	if text := log.String(); strings.Contains(text, "ERROR") || !strings.Contains(text, "filled=1 unfilled=1") {
		t.Errorf("the log says %s", text)
	}
	got, unattributed := (&rig{Service: s}).groups(t, series.Query{GroupBy: []string{"test_id"}})
	want := []string{`2025-11-08T00:00:00Z a ["T2"] 1`, `2025-11-08T00:00:00Z a ["__unknown__"] 1`}
	if d := cmp.Diff(want, got); d != "" || unattributed != 1 {
		t.Errorf("unattributed %d: %s", unattributed, d)
	}
}

func TestReprocessFindsWrongGroups(t *testing.T) {
	for name, by := range map[string][]string{"with the same dimensions": {"test_id"}, "without dimensions": nil} {
		t.Run(name, func(t *testing.T) {
			r := dimensional(memstore.New(), "test_id")
			id := r.complete(t, header+"C1,T1,a,2025-11-08T09:00:00Z\nC1,T1,b,2025-11-08T09:00:00Z\n")
			right := ledgerOf(t, r.store, id)
			wrong := metrics.Merge(right)
			wrong[1].Group = metrics.NewGroup(metrics.Field{Name: "test_id", Value: "T9"})
			tamper(t, r.store, id, wrong)
			report, err := dimensional(r.store, by...).Reprocess(t.Context())
			want := eventmetrics.Report{Batches: 1, Events: 2, Drifted: 1, Amended: 1, Drifts: []eventmetrics.Drift{{
				BatchID: id, Ledger: 2, Events: 2, Cause: "different_groups",
				Cells: []eventmetrics.CellDrift{{Day: right[0].Day, Type: "a", Ledger: 1, Events: 1, Cause: "different_groups"}},
			}}}
			if d := cmp.Diff(want, report); d != "" || err != nil {
				t.Error(d, err)
			}
			if got := ledgerOf(t, r.store, id)[1].Group; got != right[1].Group {
				t.Errorf("the group is %q still", got)
			}
		})
	}
}

func TestDimensionsAreChecked(t *testing.T) {
	for name, dimensions := range map[string][]string{
		"four": {"a", "b", "c", "d"}, "twice": {"a", "b", "A"}, "empty": {""}, "type": {"event_type"},
		"time": {"timestamp"}, "id": {"event_id"}, "a name of an answer": {"count"}, "subject": {"Candidate_ID"}, "a moment": {"as_of"},
	} {
		if err := (&eventmetrics.Options{Dimensions: dimensions}).Validate(); err == nil {
			t.Errorf("%s: %q are valid", name, dimensions)
		}
		if err := dimensional(memstore.New(), dimensions...).Run(t.Context()); err == nil {
			t.Errorf("%s: Run takes %q", name, dimensions)
		}
	}
	r := dimensional(memstore.New(), "test_id", "place", "device")
	var unknown *eventmetrics.UnknownDimensionError
	_, err := r.Query(t.Context(), series.Query{GroupBy: []string{"test_id", "tset_id"}})
	if !errors.As(err, &unknown) || err.Error() != `eventmetrics: unknown dimension "tset_id"; there are test_id, place, device` {
		t.Errorf("Series by an unknown dimension: %v", err)
	}
	_, err = r.Query(t.Context(), series.Query{Where: map[string][]string{"day": nil}})
	if !errors.As(err, &unknown) || unknown.Name != "day" {
		t.Errorf("Query where an unknown dimension: %v", err)
	}
	if _, err := r.Query(t.Context(), series.Query{GroupBy: []string{"test_id"}, Uniques: true}); !errors.Is(err, series.ErrNoGroupUniques) {
		t.Errorf("uniques by a dimension: %v", err)
	}
}

func TestSimilarValuesAreNamedWithTheirFirstLine(t *testing.T) {
	r := dimensional(memstore.New(), "test_id")
	receipt, err := r.Upload(t.Context(), eventmetrics.File{Name: "events.csv", Body: strings.NewReader("candidate_id,test_id,event_type,timestamp\n" +
		"C1,T1,started,2025-11-08\nC2,T1,started,2025-11-08\nC3,t1,Started,2025-11-08\nC4,t1,started,2025-11-09\n" + "C5,T1,started,2025-11-09\n")})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, w := range receipt.Warnings {
		if w.Code == upload.SimilarValues {
			got = append(got, fmt.Sprintf("%s line %d count %d: %s", w.Column, w.Line, w.Count, w.Message))
		}
	}
	want := []string{
		`event_type line 4 count 1: "Started" differs from the more frequent "started" only in case or in invisible characters`,
		`test_id line 4 count 2: "t1" differs from the more frequent "T1" only in case or in invisible characters`,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// With dedupe, groups are summed after the filter, where lines are not known.
func TestSimilarValuesOfADedupedFileHaveNoWrongLine(t *testing.T) {
	r := dimensional(memstore.New(), "test_id")
	receipt, err := r.Upload(t.Context(), eventmetrics.File{Dedupe: eventmetrics.DedupeOccurrence, Body: strings.NewReader("candidate_id,test_id,event_type,timestamp\n" +
		"C1,T1,a,2025-11-08\nC2,t1,a,2025-11-08\nC3,t1,a,2025-11-09\nC4,T1,a,2025-11-09\nC5,T1,a,2025-11-09\n")})
	if err != nil {
		t.Fatal(err)
	}
	if len(receipt.Warnings) != 1 || receipt.Warnings[0].Count != 2 || receipt.Warnings[0].Line != 0 {
		t.Errorf("warnings are %+v; want one about t1, which first occurs in line 3, without a line", receipt.Warnings)
	}
}
