package faulttest_test

import (
	"bytes"
	"maps"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
	"github.com/eventmetrics/eventmetrics/queue"
)

// TestAMasterOfRedisClusterIsKilled kills the master that has the queue while
// clients upload and process. The cluster gives its slots to the replica. No upload
// may be refused meanwhile, and each batch completes once, also if its job was not
// replicated.
func TestAMasterOfRedisClusterIsKilled(t *testing.T) {
	t.Parallel()
	c := testenv.RedisCluster(t)
	s := start(t, settings{redisURL: c.URL, lease: 5 * time.Second, retry: queue.Retry{MaxAttempts: 50, Base: 200 * time.Millisecond, Max: time.Second}})
	key := "{" + s.queue + "}:jobs"
	lost, err := c.Master(key)
	if err != nil {
		t.Fatal(err)
	}
	l := s.load()
	s.until("some batches are completed", func() bool { return l.accepted() >= 4 })
	if err := lost.Kill(); err != nil {
		t.Fatal(err)
	}
	killed := time.Now()
	var failover, back time.Duration
	var all sync.WaitGroup
	all.Go(func() {
		s.until("the replica has the slots", func() bool {
			node, err := c.Master(key)
			return err == nil && node != lost
		})
		failover = time.Since(killed)
	})
	all.Go(func() {
		s.until("the queue is back", func() bool {
			_, err := s.audit.QueueStats(t.Context())
			return err == nil
		})
		back = time.Since(killed)
	})
	meanwhile := accepted{}
	for i := range uint64(10) { // each is accepted at once, with or without the queue
		f := newFile(1<<20+i, 100)
		l.expect(f)
		id, ok := s.uploadAndProcess(f)
		if !ok {
			t.Errorf("upload %d after the kill was not accepted", i)
			continue
		}
		meanwhile[id] = f
	}
	all.Wait()
	t.Logf("the cluster failed over after %v; the queue was back after %v", failover.Round(time.Millisecond), back.Round(time.Millisecond))
	files := l.end()
	maps.Copy(files, meanwhile)
	if err := lost.Restart(); err != nil { // as a replica
		t.Error(err)
	}
	for id := range meanwhile {
		s.process(id) // as process_error says; no harm to those that are queued
	}
	s.recovered(files)
	t.Logf("%d files were accepted, %d of them in the %v after the kill, %d without the queue", len(files), len(meanwhile), back.Round(time.Millisecond), s.unqueued.Load())
}

// uploadAndProcess sends a file once, to be processed at once.
func (s *system) uploadAndProcess(f *file) (string, bool) {
	a, ok := s.do(s.t.Context(), "POST", "/uploads?on_duplicate=allow&process=true", f.key, bytes.NewReader(f.content))
	if !ok || a.status != http.StatusCreated {
		return "", false
	}
	if a.text("process_error") != "" {
		s.unqueued.Add(1)
	}
	return a.text("batch_id"), true
}

// accepted returns how many files were accepted so far.
func (l *load) accepted() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.files)
}
