package crashtest_test

import (
	"context"
	"errors"
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/internal/test/eventgen"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

// prepareOld leaves two batches that are to be forgotten, and one of which the
// rejected rows are to be removed.
func prepareOld(t *testing.T, s *stack) []string {
	return append(prepareTwo(t, s), s.mustUpload(t, s.sample(3), ""))
}

func actRetain(ctx context.Context, s *stack, _ []string) error {
	_, err := s.ApplyRetention(ctx, false)
	return err
}

func checkRetain(t *testing.T, s *stack, ids []string, done bool) {
	right := sum(s.sample(1), s.sample(2))
	s.check(t, right)
	if done {
		s.checkRetained(t, ids)
	}
	if r, err := s.ApplyRetention(t.Context(), false); err != nil || r.Drifted > 0 || r.Unreadable > 0 {
		t.Errorf("Retain again: %+v, %v", r, err)
	}
	s.checkRetained(t, ids)
	s.check(t, right)
	s.checkEvents(t, ids[2], s.sample(3))
}

func (s *stack) checkRetained(t *testing.T, ids []string) {
	t.Helper()
	for _, id := range ids[:2] {
		if _, err := s.Batch(t.Context(), id); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("batch that is to be forgotten: %v", err)
		}
	}
	for _, err := range s.RepairFile(t.Context(), ids[2]) {
		if !errors.Is(err, eventmetrics.ErrRowsPurged) {
			t.Errorf("rejected rows that are to be removed: %v", err)
		}
	}
}

// prepareSubject leaves two batches, and returns the subject of an event of the
// first with the type and day of that event.
func prepareSubject(t *testing.T, s *stack) []string {
	ids := prepareTwo(t, s)
	for e, err := range s.store.Events(t.Context(), ids[0]) {
		if err != nil {
			t.Fatal(err)
		}
		return append(ids, e.Field("candidate_id"), e.Type, metrics.DayOf(e.Time).String())
	}
	t.Fatal("there are no events")
	return nil
}

func actErase(ctx context.Context, s *stack, ids []string) error {
	_, err := s.Erase(ctx, eventmetrics.Erasure{Subject: ids[2], Counts: eventmetrics.SubtractCounts})
	return err
}

func checkErase(t *testing.T, s *stack, ids []string, done bool) {
	before := sum(s.sample(1), s.sample(2))
	after := maps.Clone(before)
	day, err := metrics.ParseDay(ids[4])
	if err != nil {
		t.Fatal(err)
	}
	cell := eventgen.Cell{Day: day, Type: ids[3]}
	if after[cell]--; after[cell] == 0 {
		delete(after, cell)
	}
	if got := s.measure(t); done || !cmp.Equal(got, before) { // all of it or nothing, at any time
		s.check(t, after)
	}
	left := s.hasSubject(t, ids)
	if _, err := s.Reprocess(t.Context()); err != nil {
		t.Error(err)
	}
	if left {
		s.check(t, before)
	} else {
		s.check(t, after)
	}
	if err := actErase(t.Context(), s, ids); err != nil {
		t.Error(err)
	}
	s.check(t, after)
	if s.hasSubject(t, ids) {
		t.Error("the subject has events")
	}
}

func (s *stack) hasSubject(t *testing.T, ids []string) bool {
	t.Helper()
	for _, id := range ids[:2] {
		for e, err := range s.store.Events(t.Context(), id) {
			if err != nil {
				t.Fatal(err)
			}
			if e.Field("candidate_id") == ids[2] {
				return true
			}
		}
	}
	return false
}
