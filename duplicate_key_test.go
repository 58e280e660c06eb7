package eventmetrics_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/queue/memqueue"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/memstore"
	"github.com/eventmetrics/eventmetrics/upload"
)

// withKey returns a change that sets File.IdempotencyKey.
func withKey(key string) func(*eventmetrics.File) {
	return func(f *eventmetrics.File) { f.IdempotencyKey = key }
}

func (r *rig) isReused(t *testing.T, content, key string) {
	t.Helper()
	if got, err := r.try(t, content, withKey(key)); !errors.Is(err, eventmetrics.ErrKeyReused) {
		t.Errorf("another content with the key %s: %+v, %v; want ErrKeyReused", key, got.Batch, err)
	}
}

func TestTheKeyOfADuplicateIsKept(t *testing.T) {
	r := newRig(t, nil, true)
	content := day(3) + badRow
	first := r.send(t, content, withKey("own"))
	for _, key := range []string{"k1", "k2"} {
		duplicate := r.send(t, content, withKey(key))
		if duplicate.DuplicateOf != first.Batch.ID || duplicate.Replayed {
			t.Errorf("the duplicate: %+v", duplicate)
		}
		again := r.send(t, content, withKey(key))
		if !again.Replayed {
			t.Error("the second receipt is not marked replayed")
		}
		again.Replayed = false
		if d := cmp.Diff(duplicate, again); d != "" {
			t.Errorf("the receipt of the same key: %s", d)
		}
		r.isReused(t, day(4), key)
	}
	own := r.send(t, content, withKey("own"))
	if !own.Replayed || own.DuplicateOf != "" {
		t.Errorf("the own key: %+v", own)
	}
	allowed := r.send(t, content, func(f *eventmetrics.File) { f.IdempotencyKey, f.AllowDuplicate = "k1", true })
	if !allowed.Replayed || allowed.Batch.ID != first.Batch.ID {
		t.Errorf("allowed, with a key that is kept: %+v", allowed)
	}
	if batches, _ := r.Batches(t.Context(), store.BatchQuery{}); len(batches) != 1 {
		t.Errorf("there are %d batches, want 1", len(batches))
	}
	if err := r.DeleteBatch(t.Context(), first.Batch.ID); err != nil {
		t.Fatal(err)
	}
	if again := r.send(t, day(4), withKey("k1")); again.DuplicateOf != "" || again.Replayed {
		t.Errorf("after the deletion of its batch: %+v", again)
	}
}

func TestTheKeyOfADuplicateExpires(t *testing.T) {
	r, now := newRig(t, nil, false), time.Date(2025, 11, 8, 12, 0, 0, 0, time.UTC)
	r.Service = eventmetrics.New(r.store, r.queue, &eventmetrics.Options{Now: func() time.Time { return now }})
	first := r.send(t, day(3), withKey("own"))
	now = now.Add(23 * time.Hour)
	r.send(t, day(3), withKey("k"))
	now = now.Add(24*time.Hour - time.Millisecond)
	r.isReused(t, day(4), "k")
	if again := r.send(t, day(3), withKey("own")); again.DuplicateOf != first.Batch.ID || again.Replayed {
		t.Errorf("the own key after it has expired: %+v", again)
	}
	r.isReused(t, day(4), "own")
	if again := r.send(t, day(3), withKey("own")); again.DuplicateOf != first.Batch.ID || !again.Replayed {
		t.Errorf("the own key taken again: %+v", again)
	}
	now = now.Add(time.Millisecond)
	if other := r.send(t, day(4), withKey("k")); other.DuplicateOf != "" || other.Replayed {
		t.Errorf("with a key that has expired: %+v", other)
	}
	r.isReused(t, day(3), "k")
}

func TestARefusedDuplicateTakesNoKey(t *testing.T) {
	r := newRig(t, nil, false)
	const local = header + "C1,T1,a,2025-11-08 12:00:00\n"
	r.send(t, local, nil)
	elsewhere := func(f *eventmetrics.File) {
		f.IdempotencyKey, f.Zone = "k", time.FixedZone("", 3600)
	}
	_, err := r.try(t, local, elsewhere)
	if _, ok := errors.AsType[*upload.ReadingError](err); !ok {
		t.Fatalf("read in another zone: %v", err)
	}
	if got := r.send(t, day(4), withKey("k")); got.Replayed {
		t.Errorf("%+v", got)
	}
}

// A key belongs to one of two concurrent uploads, also if one of them is a
// duplicate and they are in two processes.
func TestAKeyOfADuplicateAndOfANewFileGetsOneAnswer(t *testing.T) {
	for range 20 {
		r := newRig(t, nil, false)
		first := r.send(t, day(3), nil)
		services := []*eventmetrics.Service{r.Service, eventmetrics.New(r.store, r.queue, nil), eventmetrics.New(r.store, r.queue, nil)}
		answers := make([]eventmetrics.Receipt, len(services))
		errs := make([]error, len(services))
		var uploads sync.WaitGroup
		for i, s := range services {
			uploads.Go(func() {
				content := []string{day(3), day(4), day(3)}[i]
				answers[i], errs[i] = s.Upload(t.Context(), eventmetrics.File{Body: strings.NewReader(content), IdempotencyKey: "k"})
			})
		}
		uploads.Wait()
		duplicate := answers[0].Batch.ID == first.Batch.ID && answers[2].Batch.ID == first.Batch.ID && errors.Is(errs[1], eventmetrics.ErrKeyReused)
		stored := errs[1] == nil && errors.Is(errs[0], eventmetrics.ErrKeyReused) && errors.Is(errs[2], eventmetrics.ErrKeyReused)
		if duplicate == stored {
			t.Fatalf("got %+v, %v; want one content to have the key", answers, errs)
		}
	}
}

// lateStore is a store whose batches are archived, or another upload takes the
// key, a moment before a key is taken.
type lateStore struct {
	*memstore.Store
	before func()
}

func (s *lateStore) TakeKey(ctx context.Context, id, key string, expires, now time.Time) error {
	if before := s.before; before != nil {
		s.before = nil
		before()
	}
	return s.Store.TakeKey(ctx, id, key, expires, now)
}

func TestAKeyThatIsTakenMeanwhileDecides(t *testing.T) {
	st := &lateStore{Store: memstore.New()}
	s := eventmetrics.New(st, memqueue.New(nil), nil)
	send := func(content string) (eventmetrics.Receipt, error) {
		return s.Upload(t.Context(), eventmetrics.File{Body: strings.NewReader(content), IdempotencyKey: "k", Format: ingest.CSV})
	}
	first, err := s.Upload(t.Context(), eventmetrics.File{Body: strings.NewReader(day(3))})
	if err != nil {
		t.Fatal(err)
	}
	other, err := s.Upload(t.Context(), eventmetrics.File{Body: strings.NewReader(day(4))})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	st.before = func() {
		if err := st.Store.TakeKey(t.Context(), other.Batch.ID, "k", now.Add(time.Hour), now); err != nil {
			t.Error(err)
		}
	}
	if got, err := send(day(3)); !errors.Is(err, eventmetrics.ErrKeyReused) {
		t.Errorf("another process has taken the key: %+v, %v", got, err)
	}
	if err := st.EraseNames(t.Context(), other.Batch.ID, store.Names{IdempotencyKey: true}); err != nil {
		t.Fatal(err)
	}
	st.before = func() {
		if err := st.DeleteBatch(t.Context(), first.Batch.ID); err != nil {
			t.Error(err)
		}
	}
	if got, err := send(day(3)); !errors.Is(err, eventmetrics.ErrInFlight) {
		t.Errorf("its batch was deleted: %+v, %v", got, err)
	}
	if got, err := send(day(3)); err != nil || got.DuplicateOf != "" {
		t.Errorf("after its batch was deleted: %+v, %v", got, err)
	}
}
