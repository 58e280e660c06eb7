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
	// watchedBatches is the number of newest batches that are watched, beside
	// the queued and processing ones, of which there are up to store.MaxLimit.
	watchedBatches = 200
	// keptChanges is the number of changes that are kept for clients that
	// connect again.
	keptChanges = 1024
	// lookEvery is the least time between two reads of the store.
	lookEvery = 500 * time.Millisecond
)

// watcher finds the changes of batches. It compares what the store has with what
// it had before, since other processes change the store too. It has no
// goroutine: callers of catchUp read the store, and one read serves all calls
// within lookEvery.
type watcher struct {
	list  func(context.Context, store.BatchQuery) ([]store.Batch, error)
	batch func(context.Context, string) (store.Batch, error)

	look chan struct{} // held while the store is read

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

// place is a position in the stream of changes: after the change of this number.
type place struct {
	epoch  string
	number int64
}

func (p place) String() string { return p.epoch + "-" + strconv.FormatInt(p.number, 10) }

// parsePlace reads what String has written. Any other text is the zero place.
func parsePlace(s string) place {
	epoch, text, _ := strings.Cut(s, "-")
	number, err := strconv.ParseInt(text, 10, 64)
	if err != nil || number < 0 {
		return place{}
	}
	return place{epoch, number}
}

// catchUp reads the store unless a recent call has, and returns the changes after
// a place and the place after them. Whole is false if some of the changes are no
// longer known, or the place is of another process. Then the caller has to read
// the list again.
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

// sight is what one read of the store has found.
type sight struct {
	batches map[string]store.Batch // the newest, the queued and the processing, by id
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
	// The waiting ones first: if one of the newest batches completes meanwhile,
	// its later state replaces the earlier one.
	waiting, err := w.list(ctx, store.BatchQuery{
		Statuses: []store.Status{store.Queued, store.Processing}, Limit: store.MaxLimit,
	})
	if err != nil {
		return nil, fmt.Errorf("httpapi: list waiting batches: %w", err)
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

// lost finds the change of a batch that is no longer watched.
func (w *watcher) lost(ctx context.Context, before store.Batch, oldest string) (change, error) {
	waiting := before.Status == store.Queued || before.Status == store.Processing
	if !waiting && before.ID < oldest { // newer ones are watched instead
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
