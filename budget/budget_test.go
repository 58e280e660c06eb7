package budget_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventmetrics/eventmetrics/budget"
)

const timeout = 10 * time.Second

func acquire(t *testing.T, b *budget.Budget, n int64) *budget.Hold {
	t.Helper()
	h, err := b.Acquire(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestWhatAloneIsTooMuchIsRefusedAtOnce(t *testing.T) {
	b := budget.New(100, timeout)
	var exceeded *budget.ExceededError
	if _, err := b.Acquire(t.Context(), 101); !errors.As(err, &exceeded) || exceeded.Limit != 100 {
		t.Errorf("Acquire: got %v", err)
	}
	h := acquire(t, b, 60)
	if err := h.Grow(t.Context(), 41); !errors.As(err, &exceeded) {
		t.Errorf("Grow: got %v", err)
	}
	if err := h.Grow(t.Context(), 40); err != nil || h.Bytes() != 100 {
		t.Errorf("Grow to the limit: got %v, %d bytes", err, h.Bytes())
	}
}

func TestWaitingEndsWithTheContextAndTheTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := budget.New(100, timeout)
		h := acquire(t, b, 90)
		start := time.Now()
		if _, err := b.Acquire(t.Context(), 20); !errors.Is(err, budget.ErrBusy) || time.Since(start) != timeout {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := b.Acquire(ctx, 20); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		h.Release()
		h.Release()
		acquire(t, b, 100)
		if _, err := b.Acquire(t.Context(), 1); !errors.Is(err, budget.ErrBusy) {
			t.Errorf("a second Release made room: %v", err)
		}
	})
}

func TestThoseThatGrowGoBeforeThoseThatBegin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := budget.New(100, timeout)
		old, young := acquire(t, b, 40), acquire(t, b, 40)
		var order []string
		var mu sync.Mutex
		note := func(name string, err error) {
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				name = err.Error()
			}
			order = append(order, name)
		}
		go func() {
			_, err := b.Acquire(t.Context(), 30)
			note("begins", err)
		}()
		synctest.Wait()
		go func() { note("grows", old.Grow(t.Context(), 60)) }()
		synctest.Wait()
		young.Release()
		synctest.Wait()
		old.Release()
		synctest.Wait()
		if len(order) != 2 || order[0] != "grows" || order[1] != "begins" {
			t.Errorf("got %v", order)
		}
	})
}

func TestTheYoungestIsRefusedWhenNoneCouldGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := budget.New(100, timeout)
		old, young := acquire(t, b, 50), acquire(t, b, 50)
		done := make(chan error, 1)
		go func() { done <- old.Grow(t.Context(), 50) }()
		synctest.Wait()
		start := time.Now()
		if err := young.Grow(t.Context(), 10); !errors.Is(err, budget.ErrBusy) || time.Since(start) != 0 {
			t.Errorf("the youngest after %v: %v", time.Since(start), err)
		}
		young.Release()
		if err := <-done; err != nil || old.Bytes() != 100 {
			t.Errorf("the oldest: %v, %d bytes", err, old.Bytes())
		}
	})
}

func TestAllTogetherNeverHoldMoreThanTheBudget(t *testing.T) {
	const size = 1000
	b := budget.New(size, time.Hour)
	var held, done atomic.Int64
	add := func(n int64) {
		if held.Add(n) > size {
			t.Error("more is held than there is")
		}
	}
	var wg sync.WaitGroup
	for worker := range 16 {
		rng := rand.New(rand.NewPCG(1, uint64(worker)))
		wg.Go(func() {
			for range 100 {
				h, err := b.Acquire(t.Context(), rng.Int64N(200))
				if err != nil {
					t.Error(err)
					return
				}
				add(h.Bytes())
				for range 3 {
					before := h.Bytes()
					if h.Grow(t.Context(), rng.Int64N(200)) != nil {
						break
					}
					add(h.Bytes() - before)
				}
				held.Add(-h.Bytes())
				h.Release()
				done.Add(1)
			}
		})
	}
	wg.Wait()
	if h := acquire(t, b, size); h.Bytes() != size || done.Load() != 1600 {
		t.Errorf("%d bytes are left, after %d holds", h.Bytes(), done.Load())
	}
}

func TestGrowToTakesWholeMebibytes(t *testing.T) {
	b := budget.New(4<<20, 0)
	h, err := b.Acquire(t.Context(), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Release()
	for _, step := range []struct{ to, held int64 }{{0, 1 << 20}, {1 << 20, 1 << 20}, {1<<20 + 1, 2 << 20}, {2 << 20, 2 << 20}, {4 << 20, 4 << 20}} {
		if err := h.GrowTo(t.Context(), step.to); err != nil || h.Bytes() != step.held {
			t.Errorf("GrowTo(%d): %d bytes are held, %v; want %d", step.to, h.Bytes(), err, step.held)
		}
	}
	var exceeded *budget.ExceededError
	if err := h.GrowTo(t.Context(), 4<<20+1); !errors.As(err, &exceeded) {
		t.Errorf("GrowTo beyond the budget: %v", err)
	}
}
