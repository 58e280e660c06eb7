package faulttest_test

import (
	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics/internal/test/eventgen"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/metrics/series"
	"github.com/eventmetrics/eventmetrics/store"
)

// accepted are the files that were accepted, by the ids of their batches.
type accepted map[string]*file

// recovered waits, without a restart of anything, until all that was accepted
// is processed, and recounts it.
func (s *system) recovered(files accepted) {
	s.t.Helper()
	for id := range files {
		s.until("batch "+id+" is completed", func() bool {
			a, ok := s.do(s.t.Context(), "GET", "/batches/"+id, "", nil)
			return ok && a.text("status") == string(store.Completed)
		})
	}
	s.limitsOnRedis()
	s.checkBatches(files)
	s.checkCounts(files)
	s.checkRemainders()
	s.until("the queue is empty", func() bool {
		stats, err := s.audit.QueueStats(s.t.Context())
		return err == nil && stats.Waiting+stats.Delayed+stats.Running+stats.Dead == 0
	})
}

// limitsOnRedis waits until the limiter counts on Redis again.
func (s *system) limitsOnRedis() {
	s.t.Helper()
	before := s.limits.answered.Load()
	again := newFile(1<<40, 10)
	id := s.accept(again)
	s.until("the limiter counts on Redis", func() bool {
		s.accept(again)
		return s.limits.answered.Load() > before
	})
	if err := s.audit.DeleteBatch(s.t.Context(), id); err != nil {
		s.t.Error(err)
	}
}

// checkBatches checks that each file is one batch with all its events.
func (s *system) checkBatches(files accepted) {
	s.t.Helper()
	batches, err := s.audit.Batches(s.t.Context(), store.BatchQuery{Limit: store.MaxLimit})
	if err != nil {
		s.t.Error(err)
	}
	if len(batches) != len(files) {
		s.t.Errorf("there are %d batches, want the %d that were accepted", len(batches), len(files))
	}
	for i := range batches {
		b := &batches[i]
		f := files[b.ID]
		if f == nil || b.AcceptedRows != f.oracle.Accepted() || b.RejectedRows != f.oracle.Broken {
			s.t.Errorf("batch %+v is not what was accepted", b)
			continue
		}
		got := map[eventgen.Cell]int64{}
		for e, err := range s.events.Events(s.t.Context(), b.ID) {
			if err != nil {
				s.t.Errorf("events of batch %s: %v", b.ID, err)
				break
			}
			got[eventgen.Cell{Day: metrics.DayOf(e.Time), Type: e.Type}]++
		}
		if d := cmp.Diff(f.oracle.Counts, got); d != "" {
			s.t.Errorf("events of batch %s differ from the recount (-want +got):\n%s", b.ID, d)
		}
	}
}

// checkCounts compares the metrics with the recount of the accepted files.
func (s *system) checkCounts(files accepted) {
	s.t.Helper()
	want, got := map[eventgen.Cell]int64{}, map[eventgen.Cell]int64{}
	for _, f := range files {
		for cell, n := range f.oracle.Counts {
			want[cell] += n
		}
	}
	result, err := s.audit.Query(s.t.Context(), series.Query{})
	if err != nil {
		s.t.Error(err)
	}
	for _, b := range result.Buckets {
		got[eventgen.Cell{Day: metrics.DayOf(b.Start), Type: b.Type}] = b.Count
	}
	if d := cmp.Diff(want, got); d != "" {
		s.t.Errorf("metrics differ from the recount of what was accepted (-want +got):\n%s", d)
	}
}

// checkRemainders checks that cleanup leaves no part of a broken upload.
func (s *system) checkRemainders() {
	s.t.Helper()
	if _, err := s.audit.Cleanup(s.t.Context(), false); err != nil {
		s.t.Error(err)
	}
	if pruned, err := s.audit.Cleanup(s.t.Context(), true); err != nil || pruned != (store.Pruned{}) {
		s.t.Errorf("left after cleanup: %+v, %v", pruned, err)
	}
}
