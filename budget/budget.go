// Package budget divides a number of bytes of memory among those who need some
// at the same time. Who needs more than is free waits, and is refused if that
// takes too long.
//
// The numbers are estimates by those who ask. Garbage that is not collected yet
// comes on top.
package budget

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// ErrBusy means that others use the memory that is needed. Trying again later
// may succeed.
var ErrBusy = errors.New("budget: the memory is in use, try again later")

// ExceededError means that a Hold alone would need more than the whole budget.
// Trying again fails in the same way.
type ExceededError struct {
	// Limit is the size of the budget in bytes.
	Limit int64
}

// Error names the limit.
func (e *ExceededError) Error() string {
	return fmt.Sprintf("budget: more than %d bytes of memory are needed, which is the limit", e.Limit)
}

const (
	// DefaultSize is the size of a Budget in bytes if none is given.
	DefaultSize = 256 << 20
	// DefaultTimeout is how long callers wait if nothing else is said.
	DefaultTimeout = 10 * time.Second
)

// Budget is a number of bytes. It is safe for concurrent use.
type Budget struct {
	size    int64
	timeout time.Duration

	mu      sync.Mutex
	free    int64
	holds   []*Hold // in the order of their admission
	waiting []*Hold // those of holds that want to grow, in the same order
	queue   []*Hold // those that are not admitted yet, first come first
}

// New returns a Budget of size bytes, for which callers wait up to timeout; 0
// means [DefaultSize] and [DefaultTimeout].
func New(size int64, timeout time.Duration) *Budget {
	size = cmp.Or(max(size, 0), DefaultSize)
	return &Budget{size: size, free: size, timeout: cmp.Or(timeout, DefaultTimeout)}
}

// Hold is a part of a Budget. Its methods must not be called concurrently.
type Hold struct {
	budget *Budget
	bytes  int64 // held
	want   int64 // beyond that, while it waits
	answer chan error
}

// Acquire waits until n bytes are free and holds them. It serves callers in
// their order. The caller must Release the Hold. Errors: ErrBusy after the
// timeout, *ExceededError, that of ctx.
func (b *Budget) Acquire(ctx context.Context, n int64) (*Hold, error) {
	h := &Hold{budget: b, answer: make(chan error, 1)}
	if err := h.grow(ctx, n, &b.queue); err != nil {
		return nil, err
	}
	return h, nil
}

// Grow holds n more bytes, and waits until they are free. Holds that grow go
// before callers of Acquire, the oldest first. If every Hold waits, none could
// go on: then the youngest is refused. After an error the Hold is as before.
// Errors: ErrBusy, *ExceededError, that of ctx.
func (h *Hold) Grow(ctx context.Context, n int64) error {
	return h.grow(ctx, n, &h.budget.waiting)
}

// step is the unit in which GrowTo takes bytes.
const step = 1 << 20

// GrowTo is [Hold.Grow] until at least n bytes are held in all. It takes whole
// mebibytes, so that a need that grows slowly does not ask each time.
func (h *Hold) GrowTo(ctx context.Context, n int64) error {
	missing := n - h.bytes
	if missing <= 0 {
		return nil
	}
	return h.Grow(ctx, (missing+step-1)/step*step)
}

// Bytes returns the number of bytes that are held.
func (h *Hold) Bytes() int64 { return h.bytes }

// Release gives all bytes back. It is safe to repeat.
func (h *Hold) Release() {
	b := h.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	b.free += h.bytes
	h.bytes = 0
	b.holds = without(b.holds, h)
	b.settle()
}

// grow waits in a list until n bytes are free.
func (h *Hold) grow(ctx context.Context, n int64, list *[]*Hold) error {
	b := h.budget
	if h.bytes+n > b.size {
		return &ExceededError{b.size}
	}
	b.mu.Lock()
	h.want = n
	*list = append(*list, h)
	b.settle()
	b.mu.Unlock()
	select {
	case err := <-h.answer: // before a context that has ended
		return err
	default:
	}
	timer := time.NewTimer(b.timeout)
	defer timer.Stop()
	select {
	case err := <-h.answer:
		return err
	case <-ctx.Done():
		return h.leave(list, ctx.Err())
	case <-timer.C:
		return h.leave(list, ErrBusy)
	}
}

// leave ends waiting with an error, unless there is an answer by now.
func (h *Hold) leave(list *[]*Hold, err error) error {
	b := h.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case answer := <-h.answer:
		return answer
	default:
	}
	*list = without(*list, h)
	b.settle()
	return err
}

// settle serves those that wait, as far as there are bytes.
func (b *Budget) settle() {
	for _, h := range b.holds {
		if slices.Contains(b.waiting, h) && !b.serve(h, &b.waiting) {
			break
		}
	}
	if len(b.waiting) > 0 && len(b.waiting) == len(b.holds) {
		youngest := b.holds[len(b.holds)-1]
		b.waiting = without(b.waiting, youngest)
		youngest.answer <- ErrBusy
	}
	for len(b.waiting) == 0 && len(b.queue) > 0 {
		h := b.queue[0]
		if !b.serve(h, &b.queue) {
			break
		}
		b.holds = append(b.holds, h)
	}
}

// serve gives a Hold what it wants if that is free.
func (b *Budget) serve(h *Hold, list *[]*Hold) bool {
	if h.want > b.free {
		return false
	}
	b.free -= h.want
	h.bytes += h.want
	*list = without(*list, h)
	h.answer <- nil
	return true
}

func without(list []*Hold, h *Hold) []*Hold {
	return slices.DeleteFunc(slices.Clone(list), func(other *Hold) bool { return other == h })
}
