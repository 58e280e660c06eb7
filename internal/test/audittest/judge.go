package audittest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics/ledger"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

// Sums are the sums of the stores that a [Judge] judges.
var Sums = metrics.AggregatorOptions{Subject: "candidate_id", Dimensions: []string{"country"}}

// Store is a store with all that a [Judge] asks for.
type Store interface {
	store.Store
	store.Auditor
	store.Explainer
	store.Deduper
	store.Retainer
}

// Questions are what a store has that a [Judge] asks for.
type Questions struct {
	// Keys are idempotency keys.
	Keys []string
	// KeysAt is a time at which batches have them.
	KeysAt time.Time
	// Attachments are the names of attachments.
	Attachments []string
	// AsOf is a time in the history of the store.
	AsOf time.Time
	// Day and Type are those of events.
	Day  metrics.Day
	Type string
	// Prints are fingerprints, some of which batches have.
	Prints []store.Fingerprint
}

// Judge compares the answers of a damaged store with those before the damage.
type Judge struct {
	ask   Questions
	ids   []string
	right map[string]string
}

// NewJudge returns a Judge that knows the answers of a store. It fails the test if
// one of them is an error, or an audit finds anything.
func NewJudge(t *testing.T, st Store, ask *Questions) (*Judge, ledger.Integrity) {
	t.Helper()
	j := &Judge{ask: *ask}
	all, err := st.Batches(t.Context(), store.BatchQuery{Limit: store.MaxLimit})
	if err != nil {
		t.Fatal(err)
	}
	for i := range all {
		j.ids = append(j.ids, all[i].ID)
	}
	j.right = j.answers(t.Context(), st)
	for question, answer := range j.right {
		if answer == failed {
			t.Fatalf("%s fails", question)
		}
	}
	audit, err := Complete(t.Context(), st)
	if err != nil || !audit.OK {
		t.Fatalf("a sound store: %+v, %v", audit, err)
	}
	return j, audit
}

// Complete returns the findings of a complete pass of an audit.
func Complete(ctx context.Context, st store.Store) (ledger.Integrity, error) {
	l := ledger.New(st, &ledger.Options{Sums: Sums})
	for range 20 {
		all, err := l.Audit(ctx)
		if err != nil || min(all.Batches.Complete, all.Days.Complete, all.Parts.Complete) > 0 {
			return all, err
		}
	}
	return ledger.Integrity{}, fmt.Errorf("no pass of the audit ends: %+v", l.Integrity())
}

// Judge returns what the damage of a store ends in, and which answers are wrong in
// silence: as it is, and after a reprocess and what settle does.
func (j *Judge) Judge(ctx context.Context, st Store, settle func()) (result string, wrong []string) {
	result, wrong = j.once(ctx, st)
	if len(wrong) > 0 {
		return result, wrong
	}
	l := ledger.New(st, &ledger.Options{Sums: Sums})
	_, _ = l.Audit(ctx)
	_, _ = l.Reprocess(ctx)
	settle()
	after, wrong := j.once(ctx, st)
	if len(wrong) > 0 {
		return "after a reprocess " + after, wrong
	}
	return result, nil
}

func (j *Judge) once(ctx context.Context, st Store) (result string, wrong []string) {
	all, err := Complete(ctx, st)
	result = "right"
	switch {
	case err != nil:
		return "error", nil
	case !all.OK:
		return "finding", nil
	}
	for question, answer := range j.answers(ctx, st) {
		switch answer {
		case j.right[question]:
		case failed:
			result = "error"
		default:
			wrong = append(wrong, question)
		}
	}
	if len(wrong) > 0 {
		return "silent", wrong
	}
	return result, nil
}

// failed is the answer that is an error.
const failed = "an error"

// answers has the answers of a store by question.
type answers map[string]string

func (a answers) say(question string, answer any, err error) {
	a[question] = fmt.Sprintf("%+v", answer)
	if err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrEventsPurged) {
		a[question] = failed
	}
}

// answers asks a store all that can be asked.
func (j *Judge) answers(ctx context.Context, st Store) answers {
	all := answers{}
	all.batches(ctx, st, "all batches", store.BatchQuery{Limit: store.MaxLimit})
	for _, status := range store.Statuses() {
		all.batches(ctx, st, "batches that are "+string(status), store.BatchQuery{Statuses: []store.Status{status}})
	}
	for _, key := range j.ask.Keys {
		b, err := st.BatchOfKey(ctx, key, j.ask.KeysAt)
		all.say("batch of key "+key, b.ID, err)
	}
	for _, id := range j.ids {
		all.batch(ctx, st, id, j.ask.Attachments)
	}
	parts := func(asOf time.Time) metrics.Filter {
		return metrics.Filter{Slots: true, Subjects: true, Groups: true, AsOf: asOf}
	}
	for name, q := range map[string]metrics.Filter{
		"totals": {}, "all parts": metrics.AllParts(), "all parts as of then": parts(j.ask.AsOf),
		"all parts as of now": parts(time.Now().Add(time.Hour)),
	} {
		days, err := collect(st.DayCounts(ctx, q))
		all.say(name, encoded(days), err)
	}
	shares, err := collect(st.Explain(ctx, j.ask.Day, j.ask.Type))
	all.say("shares", texts(shares), err)
	owners, err := st.Owners(ctx, j.ask.Prints)
	all.say("owners", owners, err)
	days, err := st.UnpurgedDays(ctx, 0, 0)
	all.say("days with events", days, err)
	return all
}

func (a answers) batches(ctx context.Context, st Store, question string, q store.BatchQuery) {
	batches, err := st.Batches(ctx, q)
	ids := make([]string, len(batches))
	for i := range batches {
		if ids[i] = batches[i].ID; batches[i].Damaged {
			err = metrics.ErrCorrupt
		}
	}
	a.say(question, ids, err)
}

func (a answers) batch(ctx context.Context, st Store, id string, attachments []string) {
	a.batches(ctx, st, "repairs of "+id, store.BatchQuery{RepairOf: id})
	b, err := st.Batch(ctx, id)
	a.say("batch "+id, b, err)
	text, err := eventText(st.Events(ctx, id))
	a.say("events of "+id, text, err)
	keys, err := st.Keys(ctx, id)
	a.say("keys of "+id, keys, err)
	for _, name := range append([]string{"kept " + b.Erasure}, attachments...) {
		text, err := store.ReadAttachment(ctx, st, id, name)
		a.say(name+" of "+id, text, err)
	}
	c, err := st.Contribution(ctx, id)
	a.say("entry of "+id, encoded(c), err)
	c, err = st.Pending(ctx, id)
	a.say("pending of "+id, encoded(c), err)
}

// collect returns all values before the first error, and that.
// texts writes shares with their slots, which are pointers.
func texts(shares []store.Share) (all []string) {
	for _, s := range shares {
		text := fmt.Sprint(s.BatchID, " ", s.Count)
		if s.Slots != nil {
			text += fmt.Sprint(" ", s.Slots.Counts())
		}
		all = append(all, text)
	}
	return all
}

func collect[V any](values iter.Seq2[V, error]) (all []V, _ error) {
	for v, err := range values {
		if err != nil {
			return all, err
		}
		all = append(all, v)
	}
	return all, nil
}

// eventText returns all events as text, or the error.
func eventText(events iter.Seq2[metrics.Event, error]) (string, error) {
	var text strings.Builder
	for e, err := range events {
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&text, "%d %q %q %s %q\n", e.Row, e.ID, e.Type, e.Time.UTC().Format(time.RFC3339Nano), e.Fields)
	}
	return text.String(), nil
}

// encoded returns all of a contribution as text.
func encoded(c metrics.Contribution) string {
	text, err := c.AppendBinary(nil)
	return fmt.Sprintf("%x %v", text, err)
}
