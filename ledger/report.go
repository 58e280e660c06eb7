package ledger

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

// Integrity is what the audits of one Service have found. Those of other
// processes look at the same store by themselves, from other places on.
type Integrity struct {
	// OK means that nothing is known to be wrong. Every round looks first at
	// what was wrong before, so that OK is true again soon after a repair.
	OK bool
	// LedgerChecked says whether entries are compared with events, for which
	// the store must be a [store.Auditor].
	LedgerChecked bool
	// Rounds is the number of rounds, Last what the last of them did, and Total
	// what all of them did since the first.
	Rounds      int64
	Last, Total Round
	// Batches and Days say how far the rounds have come.
	Batches, Days Pass
	// Drifts are the batches whose entry differs from their events, by id.
	Drifts []Drift
	// Unreadable are the batches that could not be looked at, by id.
	Unreadable []Unreadable
	// WrongDays are the days whose sum is not that of the ledger, ascending.
	WrongDays []WrongDay
	// Truncated means that there were more than 100 of one of them.
	Truncated bool
}

// Round is what a round of an audit did.
type Round struct {
	Started time.Time
	Took    time.Duration
	// Batches were looked at, and of those that are not sealed all Events.
	Batches, Purged, Events int64
	// Days were compared with the ledger.
	Days int64
}

// Pass is a walk around the whole store.
type Pass struct {
	// Began is when the present pass did; Seen is what it has looked at.
	Began time.Time
	Seen  int64
	// Complete is the number of passes that came around, Ended when the last
	// of them did, and Saw what it looked at.
	Complete int64
	Ended    time.Time
	Saw      int64
}

// Unreadable is a batch that could not be looked at.
type Unreadable struct {
	BatchID string
	// Err is the reason, cut to 500 bytes.
	Err string
}

// WrongDay is a day whose sum is not that of the ledger.
type WrongDay struct {
	Day metrics.Day
	// Ledger is the number of events that the shares of the day have, Sum the
	// number that queries are answered with.
	Ledger, Sum int64
	// Types are the first 20 event types that differ, perhaps only in their
	// times or subjects. Truncated means that there are more.
	Types     []string
	Truncated bool
	// Err is not empty if the day cannot be read, and nothing else is known of
	// it. It is cut to 500 bytes.
	Err string
}

// findings are what is wrong, by what it is about.
type findings[K cmp.Ordered, V any] struct {
	found map[K]V
	more  bool
}

// put notes a finding and reports whether it is a new one.
func (f *findings[K, V]) put(key K, v V) bool {
	_, known := f.found[key]
	switch {
	case f.found == nil:
		f.found = map[K]V{}
	case !known && len(f.found) == maxDrifts:
		f.more = true
		return false
	}
	f.found[key] = v
	return !known
}

func (f *findings[K, V]) drop(key K) {
	if delete(f.found, key); len(f.found) == 0 {
		f.more = false
	}
}

// some returns up to n keys, others each time.
func (f *findings[K, V]) some(n int) []K {
	var keys []K
	for key := range f.found {
		if len(keys) == n {
			break
		}
		keys = append(keys, key)
	}
	return keys
}

func (f *findings[K, V]) list() []V {
	var all []V
	for _, key := range slices.Sorted(maps.Keys(f.found)) {
		all = append(all, f.found[key])
	}
	return all
}

// audit is the state of the audits of a Service.
type audit struct {
	turn chan struct{} // has an element while a round is under way

	mu         sync.Mutex
	state      Integrity // but for the lists
	drifts     findings[string, Drift]
	unreadable findings[string, Unreadable]
	wrongDays  findings[metrics.Day, WrongDay]
	batches    walk[string]
	days       walk[metrics.Day]
}

func newAudit() *audit { return &audit{turn: make(chan struct{}, 1)} }

// Integrity returns what the audits have found so far. It is quick: it looks
// at nothing.
func (l *Ledger) Integrity() Integrity {
	a := l.audit
	a.mu.Lock()
	defer a.mu.Unlock()
	all := a.state
	_, all.LedgerChecked = store.As[store.Auditor](l.store)
	all.Batches, all.Days = a.batches.Pass, a.days.Pass
	all.Drifts, all.Unreadable, all.WrongDays = a.drifts.list(), a.unreadable.list(), a.wrongDays.list()
	all.Truncated = a.drifts.more || a.unreadable.more || a.wrongDays.more
	all.OK = len(all.Drifts)+len(all.Unreadable)+len(all.WrongDays) == 0
	return all
}

// Audit makes a round now and returns what is known then. A round looks at up
// to 100 completed batches, until it has counted a million events: whether the
// entry of the ledger is the sum of the events, and of a sealed batch whether
// it is there and of the right number. Then it compares the sums of up to 10 days with the ledger.
// It begins where the round before ended, the first one at a random place, and
// so comes around. It changes nothing: [Service.Reprocess] puts entries right. One round is
// made at a time; others wait. A batch that cannot be looked at is no error.
func (l *Ledger) Audit(ctx context.Context) (Integrity, error) {
	select {
	case l.audit.turn <- struct{}{}:
	case <-ctx.Done():
		return l.Integrity(), ctx.Err()
	}
	defer func() { <-l.audit.turn }()
	ctx, done := l.observeAudit(ctx)
	r := Round{Started: l.now()}
	start := time.Now()
	err := l.auditRound(ctx, &r)
	r.Took = time.Since(start)
	if err == nil {
		l.audit.record(&r)
	}
	all := l.Integrity()
	done(&r, &all, err)
	return all, err
}

// end notes a round that has come to its end.
func (a *audit) record(r *Round) {
	a.mu.Lock()
	defer a.mu.Unlock()
	total := &a.state.Total
	if a.state.Rounds == 0 {
		total.Started = r.Started
	}
	a.state.Rounds++
	a.state.Last = *r
	total.Took += r.Took
	total.Batches += r.Batches
	total.Purged += r.Purged
	total.Events += r.Events
	total.Days += r.Days
}
