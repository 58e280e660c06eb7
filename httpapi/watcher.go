package httpapi

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/eventmetrics/eventmetrics/store"
)

const (
	// watchedBatches is the number of newest batches whose changes are seen;
	// beside them are all that are in line, up to store.MaxLimit.
	watchedBatches = 200
	// keptChanges is the number of changes that a client can have missed and
	// still learn one by one.
	keptChanges = 1024
	// lookEvery is the time between two looks at the store.
	lookEvery = 500 * time.Millisecond
)

// watcher finds the changes of batches by comparing what the store has now and
// had before: the store may be changed by other processes too. It has no
// goroutine; whoever wants to know calls catchUp, and one look serves all that
// call within lookEvery.
type watcher struct {
	list  func(context.Context, store.BatchQuery) ([]store.Batch, error)
	batch func(context.Context, string) (store.Batch, error)

	look chan struct{} // held by who looks

	mu      sync.Mutex
	looked  time.Time
	epoch   string // of the numbers of changes
	known   map[string]store.Batch
	changes []change // the last ones, ascending by number
	number  int64    // of the last change
}

// change is a batch that is new, has changed, or is gone.
type change struct {
	number int64
	batch  store.Batch
	gone   bool
}

func newWatcher(
	list func(context.Context, store.BatchQuery) ([]store.Batch, error),
	batch func(context.Context, string) (store.Batch, error),
) *watcher {
	return &watcher{list: list, batch: batch, look: make(chan struct{}, 1), epoch: rand.Text()}
}

// place is a place in the stream of changes: behind the change of this number.
type place struct {
	epoch  string
	number int64
}

func (p place) String() string { return p.epoch + "-" + strconv.FormatInt(p.number, 10) }

// parsePlace reads what String has written; what it has not is no place.
func parsePlace(s string) place {
	epoch, text, _ := strings.Cut(s, "-")
	number, err := strconv.ParseInt(text, 10, 64)
	if err != nil || number < 0 {
		return place{}
	}
	return place{epoch, number}
}

// catchUp looks at the store if nobody has lately, and returns the changes
// behind a place and the place behind them. Whole is false if some of the
// changes are not known any more, or the place is of another process; then the
// caller has to read all anew.
func (w *watcher) catchUp(ctx context.Context, from place) (_ []change, _ place, whole bool, err error) {
	if err := w.refresh(ctx); err != nil {
		return nil, from, true, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	now := place{w.epoch, w.number}
	if from.epoch != w.epoch || from.number > w.number || w.number-from.number > int64(len(w.changes)) {
		return nil, now, false, nil
	}
	missed := w.changes[len(w.changes)-int(w.number-from.number):]
	return slices.Clone(missed), now, true, nil
}

func (w *watcher) refresh(ctx context.Context) error {
	select {
	case w.look <- struct{}{}:
		defer func() { <-w.look }()
	case <-ctx.Done():
		return ctx.Err()
	}
	w.mu.Lock()
	known, fresh := w.known, time.Since(w.looked) < lookEvery
	w.mu.Unlock()
	if fresh {
		return nil
	}
	now, err := w.see(ctx)
	if err != nil {
		return err
	}
	found, err := w.compare(ctx, known, now)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.looked, w.known = time.Now(), now.batches
	if known == nil || now.gap(known) {
		w.epoch, w.number, w.changes = rand.Text(), 0, nil
		return nil
	}
	for _, c := range found {
		w.number++
		c.number = w.number
		w.changes = append(w.changes, c)
	}
	w.changes = slices.Clone(w.changes[max(0, len(w.changes)-keptChanges):])
	return nil
}

// sight is what one look has found.
type sight struct {
	batches map[string]store.Batch // the newest and those in line, by id
	newest  []store.Batch
}

// oldest returns the id from which on there are no others; it is empty if there
// are none at all.
func (s *sight) oldest() string {
	if len(s.newest) < watchedBatches {
		return ""
	}
	return s.newest[len(s.newest)-1].ID
}

// gap reports whether there may have been more batches since those known
// than are seen now.
func (s *sight) gap(known map[string]store.Batch) bool {
	return s.oldest() != "" && !slices.ContainsFunc(s.newest, func(b store.Batch) bool {
		_, ok := known[b.ID]
		return ok
	})
}

// see looks at the batches to watch.
func (w *watcher) see(ctx context.Context) (*sight, error) {
	// Those in line first: one that leaves the line meanwhile is seen as it is
	// afterwards.
	waiting, err := w.list(ctx, store.BatchQuery{
		Statuses: []store.Status{store.Queued, store.Processing}, Limit: store.MaxLimit,
	})
	if err != nil {
		return nil, fmt.Errorf("httpapi: list batches in line: %w", err)
	}
	newest, err := w.list(ctx, store.BatchQuery{Limit: watchedBatches})
	if err != nil {
		return nil, fmt.Errorf("httpapi: list newest batches: %w", err)
	}
	seen := make(map[string]store.Batch, len(waiting)+len(newest))
	for _, b := range slices.Concat(waiting, newest) {
		seen[b.ID] = b
	}
	return &sight{seen, newest}, nil
}

// compare returns the changes from known to now, ascending by id.
func (w *watcher) compare(ctx context.Context, known map[string]store.Batch, now *sight) ([]change, error) {
	seen := now.batches
	var found []change
	for _, id := range slices.Sorted(maps.Keys(seen)) {
		if before, ok := known[id]; !ok || !same(before, seen[id]) {
			found = append(found, change{batch: seen[id]})
		}
	}
	for _, id := range slices.Sorted(maps.Keys(known)) {
		before := known[id]
		if _, ok := seen[id]; ok {
			continue
		}
		c, err := w.lost(ctx, before, now.oldest())
		if err != nil {
			return nil, err
		}
		if c.gone || !same(before, c.batch) {
			found = append(found, c)
		}
	}
	return found, nil
}

// lost finds out what became of a batch that is not among the watched any more.
func (w *watcher) lost(ctx context.Context, before store.Batch, oldest string) (change, error) {
	inLine := before.Status == store.Queued || before.Status == store.Processing
	if !inLine && before.ID < oldest { // newer ones took its place
		return change{batch: before}, nil
	}
	now, err := w.batch(ctx, before.ID)
	if errors.Is(err, store.ErrNotFound) {
		return change{batch: before, gone: true}, nil
	}
	if err != nil {
		return change{}, fmt.Errorf("httpapi: look for batch %s: %w", before.ID, err)
	}
	return change{batch: now}, nil
}

// same reports whether nothing that may change has changed.
func same(a, b store.Batch) bool {
	return a.Status == b.Status && a.LastError == b.LastError && a.Updated.Equal(b.Updated) && a.EventsPurged == b.EventsPurged
}
