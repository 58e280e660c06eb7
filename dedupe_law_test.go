package eventmetrics_test

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/memstore"
	"github.com/eventmetrics/eventmetrics/store/sqlitestore"
)

// lawRow is a row of the files of the law. The event id decides all of it, so
// that there are few kinds, and many repeats.
type lawRow int

func (n lawRow) day() string  { return fmt.Sprintf("2025-11-%02d", 1+n%3) }
func (n lawRow) kind() string { return fmt.Sprintf("type %d", n/3%3) }

// text writes the row in one of several forms that mean the same.
func (n lawRow) text(form int) string {
	who := fmt.Sprintf("C%d", n%5)
	switch form {
	case 0:
		return fmt.Sprintf("%s,T1,%s,%sT09:00:00Z,e%d\n", who, n.kind(), n.day(), n)
	case 1:
		return fmt.Sprintf("e%d,%s 09:00:00,T1,,%s,%s\n", n, n.day(), n.kind(), who)
	}
	return fmt.Sprintf(`{"event_id":"e%d","event_type":%q,"test_id":"T1","timestamp":"%sT10:00:00+01:00","candidate_id":%q}`+"\n", n, n.kind(), n.day(), who)
}

// lawFile is a part of the rows of a law, in one of the forms.
type lawFile struct {
	rows []lawRow
	form int
}

func (f *lawFile) upload(d eventmetrics.Dedupe, allow bool) eventmetrics.File {
	var text strings.Builder
	text.WriteString([]string{"candidate_id,test_id,event_type,timestamp,event_id\n", "event_id,timestamp,test_id,note,event_type,candidate_id\n", ""}[f.form])
	for _, row := range f.rows {
		text.WriteString(row.text(f.form))
	}
	out := eventmetrics.File{Body: strings.NewReader(text.String()), Dedupe: d, AllowDuplicate: allow}
	if f.form == 2 {
		out.Format = ingest.NDJSON
	}
	return out
}

// law is one file, split, and sent in any way.
type law struct {
	*rig
	t      *rapid.T
	dedupe eventmetrics.Dedupe
	files  []lawFile
	want   map[string]int64
}

// drawLaw draws rows and a split of them. Equal rows stay together unless the
// ids of rows are told apart.
func drawLaw(t *rapid.T, r *rig, d eventmetrics.Dedupe) *law {
	rows := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) lawRow { return lawRow(rapid.IntRange(0, 30).Draw(t, "row")) }), 1, 60).Draw(t, "rows")
	parts := make([]lawFile, rapid.IntRange(1, 5).Draw(t, "parts"))
	for i := range parts {
		parts[i].form = rapid.IntRange(0, 2).Draw(t, "form")
	}
	place := map[lawRow]int{}
	l := &law{rig: r, t: t, dedupe: d, want: map[string]int64{}}
	for _, row := range rows {
		_, seen := place[row]
		if !seen || d == eventmetrics.DedupeEventID {
			place[row] = rapid.IntRange(0, len(parts)-1).Draw(t, "part")
		}
		p := &parts[place[row]]
		p.rows = append(p.rows, row)
		if !seen || d != eventmetrics.DedupeEventID {
			l.want[row.day()+" "+row.kind()]++
		}
	}
	l.files = slices.DeleteFunc(parts, func(f lawFile) bool { return len(f.rows) == 0 })
	return l
}

// send uploads a file, again while parts of it are in flight.
func (l *law) send(i int, allow bool) (eventmetrics.Receipt, error) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); ; <-tick.C {
		receipt, err := l.Upload(l.t.Context(), l.files[i].upload(l.dedupe, allow))
		if !errors.Is(err, eventmetrics.ErrInFlight) || time.Now().After(deadline) {
			return receipt, err
		}
	}
}

// check counts what is not counted yet and compares the metrics with the
// recount.
func (l *law) check(when string) {
	batches, err := l.Batches(l.t.Context(), store.BatchQuery{})
	if err != nil {
		l.t.Fatal(err)
	}
	for _, b := range batches {
		if err := l.record(l.t.Context(), b.ID); err != nil {
			l.t.Fatal(err)
		}
	}
	want := []string{}
	for cell, n := range l.want {
		want = append(want, fmt.Sprintf("%s %d", cell, n))
	}
	slices.Sort(want)
	got, err := l.lines(l.t.Context())
	slices.Sort(got)
	if d := cmp.Diff(want, got); d != "" || err != nil {
		l.t.Fatalf("%s: %v (-want +got):\n%s", when, err, d)
	}
}

// hold sends all files, some of them several times, several at a time; deletes
// some, and sends them again.
func (l *law) hold() {
	order := rapid.SliceOfN(rapid.IntRange(0, len(l.files)-1), 0, 8).Draw(l.t, "sent again")
	for i := range l.files {
		order = append(order, i)
	}
	order = rapid.Permutation(order).Draw(l.t, "order")
	allow := rapid.Bool().Draw(l.t, "allow")
	receipts, errs := make([]eventmetrics.Receipt, len(order)), make([]error, len(order))
	var sent sync.WaitGroup
	for n := range rapid.IntRange(1, 3).Draw(l.t, "senders") {
		sent.Go(func() {
			for k := n; k < len(order); k += 3 {
				receipts[k], errs[k] = l.send(order[k], allow)
			}
		})
	}
	sent.Wait()
	for k, i := range order { // those for which there was no sender
		if receipts[k].Batch.ID == "" && errs[k] == nil {
			receipts[k], errs[k] = l.send(i, allow)
		}
		if errs[k] != nil {
			l.t.Fatal(errs[k])
		}
	}
	l.check("all was sent")
	gone := map[string]int{}
	for k, i := range order {
		if b := &receipts[k].Batch; b.AcceptedRows+b.DuplicateRows != int64(len(l.files[i].rows)) {
			l.t.Fatalf("file %d of %d rows has %d events and %d duplicates", i, len(l.files[i].rows), b.AcceptedRows, b.DuplicateRows)
		}
		if rapid.Bool().Draw(l.t, "delete") {
			gone[receipts[k].Batch.ID] = i
		}
	}
	for _, id := range slices.Sorted(maps.Keys(gone)) {
		if err := l.DeleteBatch(l.t.Context(), id); err != nil {
			l.t.Fatal(err)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(gone)) {
		if _, err := l.send(gone[id], allow); err != nil {
			l.t.Fatal(err)
		}
	}
	l.check("some was deleted and sent again")
}

func TestAFileCountsOnceHoweverItIsSent(t *testing.T) {
	for name, open := range map[string]func(t *testing.T) store.Store{
		"memory": func(*testing.T) store.Store { return memstore.New() },
		"sqlite": func(t *testing.T) store.Store {
			st, err := sqlitestore.Open(t.Context(), filepath.Join(t.TempDir(), "events.db"), nil)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = st.Close() })
			return st
		},
	} {
		for _, d := range []eventmetrics.Dedupe{eventmetrics.DedupeEventID, eventmetrics.DedupeOccurrence} {
			t.Run(name+"/"+string(d), func(t *testing.T) {
				r := newRig(t, open(t), false)
				rapid.Check(t, func(rt *rapid.T) {
					r.empty(t)
					drawLaw(rt, r, d).hold()
				})
			})
		}
	}
}
