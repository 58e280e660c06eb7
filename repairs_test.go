package eventmetrics_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/upload"
)

func TestRepairsAreCountedAtTheirParent(t *testing.T) {
	r := newRig(t, nil, false)
	send := func(content, repairs string) store.Batch {
		t.Helper()
		receipt, err := r.Upload(t.Context(), eventmetrics.File{Body: strings.NewReader(content), RepairOf: repairs})
		if err != nil {
			t.Fatal(err)
		}
		if receipt.Batch.RepairOf != repairs {
			t.Errorf("the batch repairs %q, want %q", receipt.Batch.RepairOf, repairs)
		}
		return receipt.Batch
	}
	open := func(b store.Batch) int64 {
		t.Helper()
		repairs, err := r.RepairStatus(t.Context(), b.ID)
		if err != nil {
			t.Fatal(err)
		}
		return repairs.Open(b.RejectedRows)
	}
	first := send(day(2)+strings.Repeat(badRow, 4), "")
	repair := send(day(1)+strings.Repeat(badRow, 3), first.ID)
	if got := []int64{open(first), open(repair)}; !cmp.Equal(got, []int64{3, 3}) {
		t.Errorf("open are %v, want 3 of the first and 3 of its repair", got)
	}
	again := send(day(2)+badRow, repair.ID)
	if got := []int64{open(first), open(repair), open(again)}; !cmp.Equal(got, []int64{3, 1, 1}) {
		t.Errorf("open are %v, want 3, 1 and 1", got)
	}
	var tooMany *upload.RepairError
	_, err := r.Upload(t.Context(), eventmetrics.File{Body: strings.NewReader(day(9)), RepairOf: first.ID})
	if want := (upload.RepairError{Batch: first.ID, Accepted: 9, Open: 3}); !errors.As(err, &tooMany) || *tooMany != want {
		t.Errorf("more rows than are open: %v", err)
	}
	other := send(day(3), first.ID)
	if got := open(first); got != 0 {
		t.Errorf("open are %d, want 0", got)
	}
	if r, err := r.Upload(t.Context(), eventmetrics.File{Body: strings.NewReader(day(3)), RepairOf: first.ID}); err != nil || r.DuplicateOf != other.ID {
		t.Errorf("the same repair again: %+v, %v", r, err)
	}
	repairs, err := r.RepairStatus(t.Context(), first.ID)
	want := eventmetrics.RepairStatus{Newest: []store.Batch{other, repair}, Batches: 2, AcceptedRows: 4}
	slices.SortFunc(want.Newest, func(a, b store.Batch) int { return strings.Compare(b.ID, a.ID) }) // both may be of one millisecond
	if d := cmp.Diff(want, repairs); d != "" || err != nil {
		t.Errorf("%v: %s", err, d)
	}
	if err := r.DeleteBatch(t.Context(), other.ID); err != nil {
		t.Fatal(err)
	}
	if got := open(first); got != 3 {
		t.Errorf("open are %d after a repair was deleted, want 3", got)
	}
}

func TestAllRepairsCountAndTheNewestAreListed(t *testing.T) {
	r := newRig(t, nil, false)
	const n = store.MaxLimit + 5
	first := r.upload(t, day(1)+strings.Repeat(badRow, 2*n))
	for range n {
		f := eventmetrics.File{Body: strings.NewReader(day(2)), RepairOf: first.ID, AllowDuplicate: true}
		if _, err := r.Upload(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	got, err := r.RepairStatus(t.Context(), first.ID)
	if err != nil || got.Batches != n || got.AcceptedRows != 2*n || len(got.Newest) != 100 {
		t.Errorf("%d batches with %d events, %d listed, %v", got.Batches, got.AcceptedRows, len(got.Newest), err)
	}
}

func TestOnlyWhatIsThereCanBeRepaired(t *testing.T) {
	r := newRig(t, nil, false)
	first := r.upload(t, day(1)+badRow)
	if err := r.DeleteBatch(t.Context(), first.ID); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{first.ID, "0199d2f8-0000-7000-8000-000000000000", "../x", strings.Repeat("x", 100_000)} {
		_, err := r.Upload(t.Context(), eventmetrics.File{Body: strings.NewReader(day(1)), RepairOf: id})
		if !errors.Is(err, eventmetrics.ErrNoOriginal) || errors.Is(err, store.ErrNotFound) || len(err.Error()) > 200 {
			t.Errorf("%.50q: %v", id, err)
		}
	}
	if batches, _ := r.Batches(t.Context(), store.BatchQuery{}); len(batches) > 0 {
		t.Errorf("stored %v", batches)
	}
}
