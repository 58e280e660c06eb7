package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"sync"
)

// turn is a call that waits until it may write.
type turn struct {
	ctx        context.Context //nolint:containedctx // a turn is a call
	durability durability
	f          func(tx *sql.Tx) error
	shared     bool // f may run in a transaction with others, and again

	state turnState
	wake  chan struct{} // closed when it leads, or when it has ended
	err   error
}

type turnState int

const (
	turnWaits turnState = iota
	turnLeads           // its goroutine runs it, and those taken with it
	turnTaken           // by the one that leads
	turnEnded
)

// turns are calls in the order in which they came. The first leads: it takes those
// after it that may share its transaction, runs all of them, and wakes the next.
type turns struct {
	mu  sync.Mutex
	all []*turn
}

// maxShared is the greatest number of turns in a transaction.
const maxShared = 32

// enter waits until t leads or has ended, or until its ctx ends. It returns whether
// it leads.
func (q *turns) enter(t *turn) (leads bool, err error) {
	q.mu.Lock()
	q.all = append(q.all, t)
	if len(q.all) == 1 {
		t.state = turnLeads
	}
	leads = t.state == turnLeads
	q.mu.Unlock()
	if leads {
		return true, nil
	}
	select {
	case <-t.wake:
	case <-t.ctx.Done():
		if q.leave(t) {
			return false, t.ctx.Err()
		}
		<-t.wake
	}
	return t.state == turnLeads, t.err
}

// leave removes a turn that still waits.
func (q *turns) leave(t *turn) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if t.state != turnWaits {
		return false
	}
	q.all = slices.DeleteFunc(q.all, func(other *turn) bool { return other == t })
	return true
}

// errNotRun is the error of turns whose leader has panicked.
var errNotRun = errors.New("sqlitestore: the transaction has not run")

// take returns the turn that leads and those that it runs too.
func (q *turns) take() []*turn {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := 1
	for n < min(len(q.all), maxShared) && q.all[0].shared && q.all[n].shared {
		q.all[n].state, q.all[n].err = turnTaken, errNotRun
		n++
	}
	return slices.Clone(q.all[:n])
}

// end ends the turns of a take but the last ones, which wait again.
func (q *turns) end(taken []*turn, rest int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	ended := len(taken) - rest
	for _, t := range taken[1:ended] {
		t.state = turnEnded
		close(t.wake)
	}
	for _, t := range taken[ended:] {
		t.state, t.err = turnWaits, nil
	}
	if q.all = slices.Delete(q.all, 0, ended); len(q.all) > 0 {
		q.all[0].state = turnLeads
		close(q.all[0].wake)
	}
}
