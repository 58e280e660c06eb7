package eventmetrics_test

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/queue/memqueue"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/memstore"
)

// send uploads a file; change says how it differs from a plain one.
func (r *rig) send(t *testing.T, content string, change func(*eventmetrics.File)) eventmetrics.Receipt {
	t.Helper()
	receipt, err := r.try(t, content, change)
	if err != nil {
		t.Fatal(err)
	}
	return receipt
}

func (r *rig) try(t *testing.T, content string, change func(*eventmetrics.File)) (eventmetrics.Receipt, error) {
	f := eventmetrics.File{Name: "events.csv", Body: strings.NewReader(content)}
	if change != nil {
		change(&f)
	}
	return r.Upload(t.Context(), f)
}

// dedupe returns a change that sets File.Dedupe.
func dedupe(d eventmetrics.Dedupe) func(*eventmetrics.File) {
	return func(f *eventmetrics.File) { f.Dedupe = d }
}

var (
	byID         = dedupe(eventmetrics.DedupeEventID)
	byOccurrence = dedupe(eventmetrics.DedupeOccurrence)
)

// numbers are accepted, rejected and duplicate rows.
func numbers(b store.Batch) [3]int64 {
	return [3]int64{b.AcceptedRows, b.RejectedRows, b.DuplicateRows}
}

func TestRowsOfAnIDAreTakenOnce(t *testing.T) {
	const header = "event_id,candidate_id,test_id,event_type,timestamp\n"
	r := newRig(t, nil, true)
	first := r.send(t, header+"1,C1,T1,a,2025-11-08\n2,C1,T1,a,2025-11-08\n1,C9,T9,b,2025-11-09\n,C1,T1,a,2025-11-08\n", byID)
	if d := cmp.Diff([3]int64{2, 1, 1}, numbers(first.Batch)); d != "" || first.Errors[0].Code != ingest.MissingValue || first.Errors[0].Row != 4 {
		t.Errorf("%s %+v", d, first.Errors)
	}
	second := r.send(t, header+"2,C1,T1,a,2025-11-08\n3,C1,T1,b,2025-11-08\n", byID)
	if d := cmp.Diff([3]int64{1, 0, 1}, numbers(second.Batch)); d != "" {
		t.Error(d)
	}
	for e, err := range r.store.Events(t.Context(), second.Batch.ID) {
		if err != nil || e.Row != 2 || e.ID != "3" {
			t.Errorf("kept %+v, %v; want row 2", e, err)
		}
	}
	r.process(t, first.Batch.ID)
	r.process(t, second.Batch.ID)
	if d := cmp.Diff([]string{"2025-11-08 a 2", "2025-11-08 b 1"}, r.counts(t)); d != "" {
		t.Error(d)
	}
	_, err := r.try(t, day(3), byID)
	if missing, ok := errors.AsType[*ingest.HeaderError](err); !ok || !cmp.Equal(missing.Missing, []string{"event_id"}) {
		t.Errorf("without the column: %v", err)
	}
}

func TestRepeatsOfAFileAreNoDuplicates(t *testing.T) {
	r := newRig(t, nil, true)
	row := "C1,T1,a,2025-11-08T09:00:00Z\n"
	first := r.send(t, header+row+row+"C2,T1,a,2025-11-08T09:00:00Z\n", byOccurrence)
	if d := cmp.Diff([3]int64{3, 0, 0}, numbers(first.Batch)); d != "" {
		t.Error(d)
	}
	// The same rows in another order, form, zone and with an empty column, and
	// one of them once more.
	again := r.send(t, "Note;TIMESTAMP;event_type;test_id;candidate_id\n"+
		";2025-11-08T10:00:00+01:00;a;T1;C1\n;2025-11-08 09:00:00;a;T1;C1\n;1762592400;a;T1;C1\nx;2025-11-08 09:00:00;a;T1;C1\n", byOccurrence)
	if d := cmp.Diff([3]int64{2, 0, 2}, numbers(again.Batch)); d != "" {
		t.Error(d)
	}
	r.process(t, first.Batch.ID)
	r.process(t, again.Batch.ID)
	if d := cmp.Diff([]string{"2025-11-08 a 5"}, r.counts(t)); d != "" {
		t.Error(d)
	}
}

func TestABatchOfDuplicatesAloneIsABatch(t *testing.T) {
	r := newRig(t, nil, true)
	r.process(t, r.send(t, day(3), byOccurrence).Batch.ID)
	more := func(f *eventmetrics.File) {
		byOccurrence(f)
		f.IdempotencyKey, f.Tolerance.Strict = "k", true
	}
	content := header + "C1,T1,started,2025-11-08T09:00:00Z\n"
	receipt := r.send(t, content, more)
	if d := cmp.Diff([3]int64{0, 0, 1}, numbers(receipt.Batch)); d != "" || receipt.DuplicateOf != "" {
		t.Errorf("%s, duplicate of %q", d, receipt.DuplicateOf)
	}
	if b := r.process(t, receipt.Batch.ID); b.Status != store.Completed {
		t.Errorf("it is %s: %s", b.Status, b.LastError)
	}
	if d := cmp.Diff([]string{"2025-11-08 started 3"}, r.counts(t)); d != "" {
		t.Error(d)
	}
	if report, err := r.Reprocess(t.Context()); err != nil || report.Drifted != 0 {
		t.Errorf("reprocess: %+v, %v", report, err)
	}
	again := r.send(t, content, more)
	if !again.Replayed || numbers(again.Batch) != numbers(receipt.Batch) {
		t.Errorf("replayed is %+v", again)
	}
	if _, err := r.try(t, header+badRow, byOccurrence); err == nil || !strings.Contains(err.Error(), "no valid row") {
		t.Errorf("no valid row: %v", err)
	}
}

func TestManyRowsAreGathered(t *testing.T) {
	r := newRig(t, nil, false)
	const n = 70_000 // more than are claimed at a time
	content := day(n)
	if got := numbers(r.send(t, content+badRow, byOccurrence).Batch); got != [3]int64{n, 1, 0} {
		t.Error(got)
	}
	_, rows, _ := strings.Cut(content, "\n")
	if got := numbers(r.send(t, content+rows, byOccurrence).Batch); got != [3]int64{n, 0, n} { // each row twice
		t.Error(got)
	}
	if got := numbers(r.send(t, content+strings.Repeat(badRow, 20_000)+"C0,T1,new,2025-11-08\n", byOccurrence).Batch); got != [3]int64{1, 20_000, n} {
		t.Error(got)
	}
}

func TestTooManyKnownRowsAreRefused(t *testing.T) {
	r := newRig(t, nil, false)
	r.Service = eventmetrics.New(r.store, r.queue, &eventmetrics.Options{MaxDedupeRows: 10})
	if got := numbers(r.send(t, day(11)+strings.Repeat("C1,T1,started,2025-11-08T09:00:00Z\n", 50), byOccurrence).Batch); got != [3]int64{61, 0, 0} {
		t.Errorf("new rows and one that repeats: %v", got)
	}
	for what, file := range map[string]string{
		"known rows": day(11), "rows that repeat": header + strings.Repeat(strings.ReplaceAll(strings.TrimPrefix(day(11), header), "started", "new"), 2),
	} {
		_, err := r.try(t, file, byOccurrence)
		if limit, ok := errors.AsType[*eventmetrics.DedupeLimitError](err); !ok || limit.Limit != 10 {
			t.Errorf("%s: got %v", what, err)
		}
	}
}

func TestEachOccurrenceHasItsBatch(t *testing.T) {
	r := newRig(t, nil, true)
	const row, other = "C1,T1,a,2025-11-08T09:00:00Z\n", "C2,T1,a,2025-11-08T09:00:00Z\n"
	var ids []string
	for i, f := range []struct {
		rows string
		want [3]int64
	}{
		{row, [3]int64{1, 0, 0}},
		{row + other + row + row, [3]int64{3, 0, 1}},
		{row + row + row, [3]int64{0, 0, 3}},
		{row + row + row + row + other, [3]int64{1, 0, 4}},
	} {
		b := r.send(t, header+f.rows, byOccurrence).Batch
		if d := cmp.Diff(f.want, numbers(b)); d != "" {
			t.Errorf("file %d: %s", i, d)
		}
		ids = append(ids, b.ID)
	}
	if err := r.DeleteBatch(t.Context(), ids[1]); err != nil { // the first and the fourth stay
		t.Fatal(err)
	}
	if got := numbers(r.send(t, header+strings.Repeat(row, 5)+other, byOccurrence).Batch); got != [3]int64{4, 0, 2} {
		t.Errorf("after a deletion: %v", got)
	}
}

func TestADryRunCountsDuplicates(t *testing.T) {
	const header = "event_id,candidate_id,test_id,event_type,timestamp\n"
	p := &printing{Store: memstore.New()}
	r := newRig(t, p, true)
	r.process(t, r.send(t, header+"1,C1,T1,a,2025-11-08\n", func(f *eventmetrics.File) { f.Dedupe = eventmetrics.DedupeEventID }).Batch.ID)
	r.process(t, r.send(t, header+"1,C1,T1,a,2025-11-08\n2,C1,T1,a,2025-11-09\n", byOccurrence).Batch.ID)
	had := len(p.seen)
	file := header + "1,C1,T1,a,2025-11-08\n3,C1,T1,a,2025-11-08\n3,C1,T1,a,2025-11-08\n"
	for d, want := range map[eventmetrics.Dedupe][3]int64{
		eventmetrics.DedupeNone: {3, 0, 6}, eventmetrics.DedupeEventID: {1, 2, 4}, eventmetrics.DedupeOccurrence: {2, 1, 5},
	} {
		got, err := r.DryRun(t.Context(), eventmetrics.File{Body: strings.NewReader(file), Dedupe: d})
		if err != nil || got.AcceptedRows != want[0] || got.DuplicateRows != want[1] || len(got.Changes) != 1 || got.Changes[0].Before != 2 || got.Changes[0].After != want[2]-1 {
			t.Errorf("%q: %+v, %v", d, got, err)
		}
	}
	got, err := r.DryRun(t.Context(), eventmetrics.File{Body: strings.NewReader(header + "1,C1,T1,a,2025-11-08\n1,,,,\n"), Dedupe: eventmetrics.DedupeEventID})
	if err != nil || got.AcceptedRows != 0 || got.RejectedRows != 1 || got.DuplicateRows != 1 || got.Changes != nil {
		t.Errorf("of duplicates alone: %+v, %v", got, err)
	}
	if len(p.seen) != had {
		t.Error("a dry run claims")
	}
}

func TestRowsOfAnUnfinishedUploadAreInFlight(t *testing.T) {
	p := &printing{Store: memstore.New()}
	r := newRig(t, p, false)
	const header = "event_id,candidate_id,test_id,event_type,timestamp\n"
	first := r.send(t, header+"1,C1,T1,a,2025-11-08\n", byID)
	if err := r.DeleteBatch(t.Context(), first.Batch.ID); err != nil {
		t.Fatal(err)
	}
	const id = "0199d2f8-0000-7000-8000-000000000000"
	w, err := p.Begin(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Claim(t.Context(), id, p.seen); err != nil {
		t.Fatal(err)
	}
	for _, d := range []eventmetrics.Dedupe{eventmetrics.DedupeEventID, eventmetrics.DedupeNone} { // its row, and its content
		if _, err := r.try(t, header+"1,C1,T1,a,2025-11-08\n", dedupe(d)); !errors.Is(err, eventmetrics.ErrInFlight) {
			t.Errorf("%q: %v, want ErrInFlight", d, err)
		}
	}
	allowed := r.send(t, header+"1,C1,T1,a,2025-11-08\n", func(f *eventmetrics.File) { f.AllowDuplicate = true })
	if allowed.Batch.AcceptedRows != 1 {
		t.Errorf("allowed: %+v", allowed)
	}
	if err := w.Abort(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.send(t, header+"1,C1,T1,a,2025-11-08\n", byID)
}

func TestTheSameContentIsAnsweredWithItsBatch(t *testing.T) {
	r := newRig(t, nil, false)
	r.Service = eventmetrics.New(r.store, r.queue, &eventmetrics.Options{Schemas: map[string]ingest.Schema{"other": {}}})
	content := day(3) + badRow
	first := r.send(t, content, nil)
	for name, change := range map[string]func(*eventmetrics.File){
		"as before": nil, "without duplicate rows": byOccurrence,
		"with a key":  func(f *eventmetrics.File) { f.IdempotencyKey = "k" },
		"as a repair": func(f *eventmetrics.File) { f.RepairOf = first.Batch.ID },
	} {
		again := r.send(t, content, change)
		if again.DuplicateOf != first.Batch.ID {
			t.Errorf("%s: it is a duplicate of %q", name, again.DuplicateOf)
		}
		again.DuplicateOf = ""
		if d := cmp.Diff(first, again); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		f := eventmetrics.File{Body: strings.NewReader(content)}
		if change != nil {
			change(&f)
		}
		dry, err := r.DryRun(t.Context(), f)
		if err != nil || dry.DuplicateOf != first.Batch.ID || dry.Changes != nil || dry.ChangeCount != 0 {
			t.Errorf("%s: the dry run says %+v, %v", name, dry, err)
		}
	}
	if batches, _ := r.Batches(t.Context(), store.BatchQuery{}); len(batches) != 1 {
		t.Fatalf("there are %d batches", len(batches))
	}
	if other := r.send(t, content, func(f *eventmetrics.File) { f.Schema = "other" }); other.DuplicateOf != "" {
		t.Error("under another schema it is a duplicate")
	}
	allowed := r.send(t, content, func(f *eventmetrics.File) { f.AllowDuplicate = true })
	if allowed.DuplicateOf != "" || allowed.Batch.ID == first.Batch.ID || allowed.Batch.AcceptedRows != 3 {
		t.Errorf("allowed: %+v", allowed)
	}
	if err := r.DeleteBatch(t.Context(), first.Batch.ID); err != nil {
		t.Fatal(err)
	}
	if again := r.send(t, content, byOccurrence); again.DuplicateOf != allowed.Batch.ID {
		t.Errorf("after its deletion: %+v; want a duplicate of %s", again, allowed.Batch.ID)
	}
	if err := r.DeleteBatch(t.Context(), allowed.Batch.ID); err != nil {
		t.Fatal(err)
	}
	if again := r.send(t, content, byOccurrence); again.DuplicateOf != "" || again.Batch.DuplicateRows != 0 {
		t.Errorf("after the deletion of both: %+v", again)
	}
}

// plain is a store without optional abilities.
type plain struct{ store.Store }

func TestAStoreWithoutTheAbilityTakesEveryFile(t *testing.T) {
	r := newRig(t, plain{memstore.New()}, false)
	for range 2 {
		if receipt := r.send(t, day(3), nil); receipt.DuplicateOf != "" {
			t.Errorf("got %+v", receipt)
		}
	}
	for _, d := range []eventmetrics.Dedupe{eventmetrics.DedupeEventID, eventmetrics.DedupeOccurrence} {
		if _, err := r.try(t, day(3), dedupe(d)); !errors.Is(err, eventmetrics.ErrUnsupported) {
			t.Errorf("%q: %v", d, err)
		}
		if _, err := r.DryRun(t.Context(), eventmetrics.File{Body: strings.NewReader(day(3)), Dedupe: d}); !errors.Is(err, eventmetrics.ErrUnsupported) {
			t.Errorf("%q, dry: %v", d, err)
		}
	}
	if _, err := newRig(t, nil, false).try(t, day(3), dedupe("id")); err == nil {
		t.Error("an unknown Dedupe was taken")
	}
}

// printing notes the fingerprints that are claimed.
type printing struct {
	*memstore.Store
	seen []store.Fingerprint
}

func (p *printing) Claim(ctx context.Context, id string, prints []store.Fingerprint) ([]string, error) {
	p.seen = append(p.seen, prints...)
	return p.Store.Claim(ctx, id, prints)
}

// TestFingerprintsDoNotChange holds them against those that databases have.
func TestFingerprintsDoNotChange(t *testing.T) {
	p := &printing{Store: memstore.New()}
	r := newRig(t, p, false)
	row := "7,C1,T1,a,2025-11-08T09:00:00.000000001Z,x\n"
	r.send(t, "event_id,candidate_id,test_id,event_type,timestamp,note\n"+row, byID)
	r.send(t, "event_id,candidate_id,test_id,event_type,timestamp,note\n"+row+row, byOccurrence)
	var seen []string
	for _, print := range p.seen {
		seen = append(seen, hex.EncodeToString(print[:]))
	}
	want := []string{
		"5614e156c5121f0cd1857b180bc24979", "23ec9e614cd6d3caa0b660ee32942c03", // the row, and the file
		"01c0401cd7c8568cb63908a9988e25e9", "01c0401cd7c8568cb63908a9988e25e9", // a row that repeats
		"01c0401c403675971d9002e7c8e3f128", "b1315704e8ab1f56d5d3f64e903d700c", // its second occurrence, and the file
	}
	if d := cmp.Diff(want, seen); d != "" {
		t.Error(d)
	}
}

func ExampleFile_dedupe() {
	service := eventmetrics.New(memstore.New(), memqueue.New(nil), nil)
	monday := "candidate_id,test_id,event_type,timestamp\n" +
		"C1,T1,started,2025-11-10T09:00:00Z\n" +
		"C1,T1,clicked,2025-11-10T09:01:00Z\n" +
		"C1,T1,clicked,2025-11-10T09:01:00Z\n"
	for _, content := range []string{monday, monday + "C2,T1,started,2025-11-11T09:00:00Z\n"} {
		receipt, err := service.Upload(context.Background(), eventmetrics.File{
			Body: strings.NewReader(content), Dedupe: eventmetrics.DedupeOccurrence,
		})
		fmt.Println(receipt.Batch.AcceptedRows, "new,", receipt.Batch.DuplicateRows, "there already", err)
	}
	// Output:
	// 3 new, 0 there already <nil>
	// 1 new, 3 there already <nil>
}
