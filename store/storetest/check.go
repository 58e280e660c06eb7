package storetest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

// reporter is the part of *testing.T to which a check reports, so that the
// tests of this package can watch a check fail.
type reporter interface {
	Helper()
	Context() context.Context
	Errorf(format string, args ...any)
	FailNow()
	Skipf(format string, args ...any)
}

// check is one run of one rule against one new store.
type check struct {
	reporter
	t    *testing.T // for the harness only
	h    Harness
	rule rule
	st   store.Store

	mu          sync.Mutex
	ids         int
	differences int  // that were found
	all         bool // print each of them
}

func newCheck(r reporter, t *testing.T, h Harness, which rule) *check {
	return &check{reporter: r, t: t, h: h, rule: which, st: h.Open(t)}
}

// Errorf reports a broken rule. Only the first difference is printed; finish
// prints how many there are.
func (c *check) Errorf(format string, args ...any) {
	c.Helper()
	c.mu.Lock()
	c.differences++
	printed := c.all || c.differences == 1
	c.mu.Unlock()
	if printed {
		c.reporter.Errorf("%s\nThe rule: %s", fmt.Sprintf(format, args...), c.rule.why)
	}
}

// Fatalf reports a broken rule and ends the check.
func (c *check) Fatalf(format string, args ...any) {
	c.Helper()
	c.Errorf(format, args...)
	c.FailNow()
}

// run checks the rule.
func (c *check) run() {
	defer c.finish()
	c.rule.check(c)
}

func (c *check) finish() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.differences > 1 {
		c.reporter.Errorf("%d differences; the first is above", c.differences)
	}
}

// must ends the check if a call failed that the rule is not even about.
func (c *check) must(err error, call string) {
	c.Helper()
	if err != nil {
		c.Fatalf("%s: %v", call, err)
	}
}

// want reports an error that is not the one of the rule.
func (c *check) want(err, target error, call string) {
	c.Helper()
	if !errors.Is(err, target) {
		c.Errorf("%s: got error %v, want %v", call, err, target)
	}
}

// upload describes a batch for [check.upload].
type upload struct {
	batch  store.Batch // a zero ID means the next one
	events []metrics.Event
	attach map[string]string
	// pending is what Commit is given.
	pending metrics.Contribution
}

// begin starts a batch.
func (c *check) begin(id string) store.Writer {
	c.Helper()
	w, err := c.st.Begin(c.Context(), id)
	c.must(err, "Begin")
	return w
}

// pieceSize is the number of events in one Write of the Service.
const pieceSize = 1024

// prepare begins and fills a batch.
func (c *check) prepare(u upload) (store.Writer, store.Batch) {
	c.Helper()
	b := u.batch
	if b.ID == "" {
		b.ID = c.id()
	}
	if b.Created.IsZero() {
		b.Created = epoch
	}
	w := c.begin(b.ID)
	for part := range slices.Chunk(u.events, pieceSize) {
		c.must(w.Write(c.Context(), part), "Write")
	}
	for name, content := range u.attach {
		c.must(w.Attach(c.Context(), name, []byte(content)), "Attach")
	}
	return w, b
}

// upload commits a batch.
func (c *check) upload(u upload) store.Batch {
	c.Helper()
	w, b := c.prepare(u)
	b, err := w.Commit(c.Context(), b, u.pending)
	c.must(err, "Commit")
	return b
}

// uploaded commits a batch of one event and returns its id.
func (c *check) uploaded() string {
	c.Helper()
	return c.upload(upload{events: someEvents(1)}).ID
}

// recorded commits a batch and records a contribution.
func (c *check) recorded(contribution metrics.Contribution) string {
	c.Helper()
	id := c.uploaded()
	c.must(c.st.Record(c.Context(), id, contribution), "Record")
	return id
}

// move sets the status of a batch whatever it was.
func (c *check) move(id string, to store.Status, cause string) {
	c.Helper()
	c.must(c.st.SetStatus(c.Context(), id, store.Statuses(), to, cause), "SetStatus")
}

// batch reads a batch that must be there.
func (c *check) batch(id string) store.Batch {
	c.Helper()
	b, err := c.st.Batch(c.Context(), id)
	c.must(err, "Batch")
	return b
}

// list reads a page of batches.
func (c *check) list(q store.BatchQuery) []store.Batch {
	c.Helper()
	page, err := c.st.Batches(c.Context(), q)
	c.must(err, "Batches")
	return page
}

// drain ranges over seq and returns its error.
func drain[T any](c *check, call string, seq iter.Seq2[T, error], keep func(T)) error {
	c.Helper()
	var failed error
	for v, err := range seq {
		switch {
		case failed != nil:
			c.Fatalf("%s: the iterator went on after its error %v", call, failed)
		case err != nil:
			failed = err
		default:
			keep(v)
		}
	}
	return failed
}

// events reads copies of the events of a batch that must be there.
func (c *check) events(id string) []metrics.Event {
	c.Helper()
	var all []metrics.Event
	err := drain(c, "Events", c.st.Events(c.Context(), id), func(e metrics.Event) {
		e.Fields = slices.Clone(e.Fields)
		all = append(all, e)
	})
	c.must(err, "Events")
	return all
}

// eventsError returns the error of Events.
func (c *check) eventsError(id string) error {
	c.Helper()
	return drain(c, "Events", c.st.Events(c.Context(), id), func(metrics.Event) {})
}

// attachment reads an attachment of a batch that must be there.
func (c *check) attachment(id, name string) string {
	c.Helper()
	content, err := c.readAttachment(id, name)
	c.must(err, "Attachment")
	return content
}

func (c *check) readAttachment(id, name string) (string, error) {
	c.Helper()
	var content strings.Builder
	err := drain(c, "Attachment", c.st.Attachment(c.Context(), id, name), func(chunk []byte) {
		content.Write(chunk)
	})
	return content.String(), err
}

// daily reads daily metrics.
func (c *check) dayCounts(q metrics.Filter) metrics.Contribution {
	c.Helper()
	var all metrics.Contribution
	err := drain(c, "DayCounts", c.st.DayCounts(c.Context(), q), func(d metrics.DayCount) { all = append(all, d) })
	c.must(err, "DayCounts")
	return all
}

// everything asks for all that the ledger knows.
var everything = metrics.AllParts()

// ledgerIs reports a sum of the ledger that is not the sum of contributions.
func (c *check) ledgerIs(when string, contributions ...metrics.Contribution) {
	c.Helper()
	c.dayCountsAre(when, everything, contributions...)
}

func (c *check) dayCountsAre(when string, q metrics.Filter, contributions ...metrics.Contribution) {
	c.Helper()
	if d := diffDayCounts(selected(q, contributions...), c.dayCounts(q)); d != "" {
		c.Errorf("DayCounts %s: %s", when, d)
	}
}

// selected returns what DayCount must answer to q.
func selected(q metrics.Filter, contributions ...metrics.Contribution) metrics.Contribution {
	var want metrics.Contribution
	for _, d := range metrics.Merge(contributions...) {
		if q.Select(&d) {
			q.Trim(&d)
			want = append(want, d)
		}
	}
	return want
}
