package eventmetrics_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

// contributionOf sums rows "candidate type time".
func contributionOf(t *testing.T, rows ...string) metrics.Contribution {
	t.Helper()
	r := newRig(t, nil, true)
	var content strings.Builder
	content.WriteString(header)
	for _, row := range rows {
		f := strings.Fields(row)
		fmt.Fprintf(&content, "%s,T,%s,%s\n", f[0], f[1], f[2])
	}
	b := r.upload(t, content.String())
	r.process(t, b.ID)
	return ledgerOf(t, r.store, b.ID)
}

func ledgerOf(t *testing.T, st store.Store, id string) metrics.Contribution {
	t.Helper()
	ledger, ok := store.As[store.Auditor](st)
	if !ok {
		t.Fatal("the store is no Auditor")
	}
	c, err := ledger.Contribution(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// tamper makes the ledger have something else for a batch.
func tamper(t *testing.T, st store.Store, id string, c metrics.Contribution) {
	t.Helper()
	ledger, ok := store.As[store.Auditor](st)
	if !ok {
		t.Fatal("the store is no Auditor")
	}
	if err := ledger.Amend(t.Context(), id, c); err != nil {
		t.Fatal(err)
	}
}

func TestReprocessNamesWhatDiffers(t *testing.T) {
	r := newRig(t, nil, true)
	id := r.upload(t, header+"C1,T,a,2025-11-08T09:00:00Z\nC2,T,a,2025-11-08T09:00:00Z\nC1,T,b,2025-11-09T09:00:00Z\n").ID
	r.process(t, id)
	eighth, err := metrics.ParseDay("2025-11-08")
	if err != nil {
		t.Fatal(err)
	}
	ninth := eighth + 1
	cell := func(day metrics.Day, name string, ledger, events int64, cause eventmetrics.DriftCause) eventmetrics.CellDrift {
		return eventmetrics.CellDrift{Day: day, Type: name, Ledger: ledger, Events: events, Cause: cause}
	}
	const a, b = "C1 a 2025-11-08T09:00:00Z", "C1 b 2025-11-09T09:00:00Z"
	for _, tc := range []struct {
		name   string
		ledger []string
		cause  eventmetrics.DriftCause
		cells  []eventmetrics.CellDrift
	}{
		{
			"an event too few",
			[]string{a, b},
			"different_count",
			[]eventmetrics.CellDrift{cell(eighth, "a", 1, 2, "different_count")},
		},
		{
			"a type too few, and another",
			[]string{a, a, "C1 c 2025-11-09T09:00:00Z"},
			"missing_in_ledger",
			[]eventmetrics.CellDrift{
				cell(eighth, "a", 2, 2, "subjects_only"), cell(ninth, "b", 0, 1, "missing_in_ledger"), cell(ninth, "c", 1, 0, "extra_in_ledger"),
			},
		},
		{
			"a day too many",
			[]string{a, "C2 a 2025-11-08T09:00:00Z", b, "C1 a 2025-11-10"},
			"extra_in_ledger",
			[]eventmetrics.CellDrift{cell(ninth+1, "a", 1, 0, "extra_in_ledger")},
		},
		{
			"another time of the day",
			[]string{a, "C2 a 2025-11-08T19:00:00Z", b},
			"different_times",
			[]eventmetrics.CellDrift{cell(eighth, "a", 2, 2, "different_times")},
		},
		{
			"another subject",
			[]string{a, "C3 a 2025-11-08T09:00:00Z", b},
			"subjects_only",
			[]eventmetrics.CellDrift{cell(eighth, "a", 2, 2, "subjects_only")},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			wrong := contributionOf(t, tc.ledger...)
			tamper(t, r.store, id, wrong)
			report, err := r.Reprocess(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			want := eventmetrics.Report{
				Batches: 1, Events: 3, Drifted: 1, Amended: 1,
				Drifts: []eventmetrics.Drift{{BatchID: id, Ledger: wrong.Events(), Events: 3, Cause: tc.cause, Cells: tc.cells}},
			}
			if d := cmp.Diff(want, report); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestDriftListsAFewCellsAndTheCauseOfAll(t *testing.T) {
	var content strings.Builder
	content.WriteString(header)
	var twice []string
	for i := range 30 {
		fmt.Fprintf(&content, "C1,T,t%02d,2025-11-08\n", i)
		if i < 29 {
			twice = append(twice, fmt.Sprintf("C1 t%02d 2025-11-08", i), fmt.Sprintf("C1 t%02d 2025-11-08", i))
		}
	}
	r := newRig(t, nil, true)
	id := r.upload(t, content.String()).ID
	r.process(t, id)
	tamper(t, r.store, id, contributionOf(t, twice...))
	report, err := r.Reprocess(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d := report.Drifts[0]
	if len(d.Cells) != 20 || !d.Truncated || d.Cells[19].Cause != "different_count" || d.Cause != "missing_in_ledger" {
		t.Errorf("%d cells, truncated %t, %+v; cause %s", len(d.Cells), d.Truncated, d.Cells[19], d.Cause)
	}
}
