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

// Integrity has the findings of the audits of one Ledger. Other processes audit
// the same store independently, and start elsewhere.
type Integrity struct {
	// OK means that there are no findings. Every round checks earlier findings
	// first, so OK is true again soon after a correction.
	OK bool
	// LedgerChecked says whether contributions are compared with events, for
	// which the store must be a [store.Auditor].
	LedgerChecked bool
	// Rounds is the number of rounds. Last describes the last one, Total all of
	// them together.
	Rounds      int64
	Last, Total Round
	// Batches, Days and Parts are the progress of the rounds. Parts are those of a
	// [store.Inspector].
	Batches, Days, Parts Pass
	// Drifts are the batches whose contribution differs from their events, by
	// id.
	Drifts []Drift
	// Unreadable are the batches that could not be audited, by id.
	Unreadable []Unreadable
	// WrongDays are the days whose sum is not that of the ledger, ascending.
	WrongDays []WrongDay
	// Damages are the parts of the store that are not what was written, for which
	// it must be a [store.Inspector].
	Damages []store.Damage
	// Truncated means that one of the lists has reached its limit of 100.
	Truncated bool
}

// Round describes one round of an audit.
type Round struct {
	Started time.Time
	Took    time.Duration
	// Batches is the number of batches that were audited, Purged the number of
	// those whose events were purged, Events the number of events of the rest.
	Batches, Purged, Events int64
	// Days is the number of days that were compared with the ledger.
	Days int64
	// Parts is the number of parts of the store that were inspected.
	Parts int64
}

// Pass is the progress of the audit through the whole store.
type Pass struct {
	// Began is when the current pass began, Seen the number of batches or days
	// that it has audited.
	Began time.Time
	Seen  int64
	// Complete is the number of complete passes, Ended when the last of them
	// ended, Saw the number of batches or days that it audited.
	Complete int64
	Ended    time.Time
	Saw      int64
}

// Unreadable is a batch that could not be audited.
type Unreadable struct {
	BatchID string
	// Err is the reason, cut to 500 bytes.
	Err string
}

// WrongDay is a day whose sum is not that of the ledger.
type WrongDay struct {
	Day metrics.Day
	// Ledger is the number of events of the day in the ledger, Sum the number in
	// the answers to queries.
	Ledger, Sum int64
	// Types are the first 20 event types that differ, perhaps only in their
	// times or subjects. Truncated means that there are more.
	Types     []string
	Truncated bool
	// Err is the reason if the day cannot be read, cut to 500 bytes; the other
	// fields are zero then.
	Err string
}

// findings are up to maxDrifts findings by batch or day.
type findings[K cmp.Ordered, V any] struct {
	found map[K]V
	more  bool
}

// put adds a finding and reports whether it is new.
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

// some returns up to n keys, different ones each time.
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

// audit is the state of the audits of a Ledger.
type audit struct {
	turn chan struct{} // has an element during a round

	mu         sync.Mutex
	state      Integrity // but for the lists
	drifts     findings[string, Drift]
	unreadable findings[string, Unreadable]
	wrongDays  findings[metrics.Day, WrongDay]
	batches    walk[string]
	days       walk[metrics.Day]
	damages    findings[string, []store.Damage] // by place
	parts      walk[string]
}

func newAudit() *audit { return &audit{turn: make(chan struct{}, 1)} }

// Integrity returns the findings of the audits so far. It reads no store.
func (l *Ledger) Integrity() Integrity {
	a := l.audit
	a.mu.Lock()
	defer a.mu.Unlock()
	all := a.state
	_, all.LedgerChecked = store.As[store.Auditor](l.store)
	all.Batches, all.Days, all.Parts = a.batches.Pass, a.days.Pass, a.parts.Pass
	all.Damages = a.damagesLocked()
	all.Drifts, all.Unreadable, all.WrongDays = a.drifts.list(), a.unreadable.list(), a.wrongDays.list()
	all.Truncated = a.drifts.more || a.unreadable.more || a.wrongDays.more || a.damages.more || len(all.Damages) == maxDrifts
	all.OK = len(all.Drifts)+len(all.Unreadable)+len(all.WrongDays)+len(all.Damages) == 0
	return all
}

// Audit runs one round and returns all findings. A round audits up to 100
// completed batches and a million events: it compares the contribution of a
// batch with its events, or with their number if they were purged. Then it
// compares the daily sums of up to 10 days with the ledger, and has a
// [store.Inspector] check 20 parts of itself. A round starts where
// the one before ended, the first one at random, so that rounds cover the whole
// store in time.
//
// Audit changes nothing; [Ledger.Reprocess] corrects. It is safe to repeat.
// Concurrent calls run one after the other. A batch that cannot be audited is a
// finding and no error. Errors: store.ErrUnavailable, that of ctx.
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

// record adds a complete round.
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
	total.Parts += r.Parts
}
