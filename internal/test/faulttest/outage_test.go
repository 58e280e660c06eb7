package faulttest_test

import (
	"bytes"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/store"
)

// outage is how long a backend is down.
const outage = 10 * time.Second

// underway is a system in the middle of an upload and of a job.
type underway struct {
	*system
	files  accepted
	gate   *gate
	finish func() (id string, ok bool)
	file   *file // that is being uploaded
}

// begin counts one file, stops the job of a second in the middle, and the
// upload of a third.
func begin(t *testing.T, o settings) *underway {
	t.Helper()
	u := &underway{system: start(t, o), files: accepted{}, gate: newGate(), file: newFile(3, 400)}
	first, second := newFile(1, 400), newFile(2, 400)
	id := u.accept(first)
	u.files[id] = first
	u.process(id)
	u.until("the first file counts", func() bool { return u.status(id) == store.Completed })
	if t.Failed() {
		t.FailNow()
	}
	u.store.gate.Store(u.gate)
	id = u.accept(second)
	u.files[id] = second
	u.process(id)
	select {
	case got := <-u.gate.reached:
		if got != id {
			t.Fatalf("batch %s is processed, want %s", got, id)
		}
	case <-time.After(time.Minute):
		t.Fatalf("batch %s is not processed: %s", id, u.status(id))
	}
	body, rest := io.Pipe()
	ended := make(chan string, 1)
	go func() {
		id, _ := u.upload(t.Context(), u.file, body)
		_ = body.Close()
		ended <- id
	}()
	half := len(u.file.content) / 2
	_, _ = rest.Write(u.file.content[:half])
	u.finish = func() (string, bool) {
		_, _ = io.Copy(rest, bytes.NewReader(u.file.content[half:])) // the server may have answered before
		_ = rest.Close()
		id := <-ended
		return id, id != ""
	}
	return u
}

func (s *system) status(id string) store.Status {
	b, err := s.audit.Batch(s.t.Context(), id)
	if err != nil {
		s.t.Error(err)
	}
	return b.Status
}

// goOn opens the gate, for the job that waits and for all others.
func (u *underway) goOn() {
	u.store.gate.Store(nil)
	close(u.gate.opened)
}

// during calls f again and again for as long as the outage is.
func during(d time.Duration, f func()) {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for end := time.After(d); ; {
		select {
		case <-end:
			return
		case <-tick.C:
			f()
		}
	}
}

// TestMongoDBIsDownFor10Seconds gives jobs one attempt: the outage must not
// cost it.
func TestMongoDBIsDownFor10Seconds(t *testing.T) {
	t.Parallel()
	u := begin(t, settings{retry: queue.Retry{MaxAttempts: 1}})
	u.mongo.down()
	since := time.Now()
	u.goOn()
	if _, ok := u.finish(); ok {
		t.Error("an upload was accepted while MongoDB was down")
	}
	during(outage-time.Since(since), func() {
		for _, path := range []string{"/metrics", "/batches"} {
			if a, ok := u.do(t.Context(), "GET", path, "", nil); ok && a.status != http.StatusServiceUnavailable {
				t.Errorf("GET %s while MongoDB is down: %d", path, a.status)
			}
		}
		if a, ok := u.do(t.Context(), "GET", "/healthz", "", nil); ok && a.status != http.StatusOK {
			t.Errorf("GET /healthz while MongoDB is down: %d", a.status)
		}
	})
	u.mongo.up()
	id := u.accept(u.file)
	u.files[id] = u.file
	u.process(id)
	u.recovered(u.files)
}

// TestABatchThatOutlivesItsRetriesCanBeProcessedAgain has an outage that is
// longer than a job may wait in all its attempts.
func TestABatchThatOutlivesItsRetriesCanBeProcessedAgain(t *testing.T) {
	t.Parallel()
	u := begin(t, settings{retry: queue.Retry{MaxAttempts: 2, Base: 10 * time.Millisecond}, jobTimeout: 4 * time.Second})
	u.mongo.down()
	u.goOn()
	u.finish()
	u.until("the job is dead", func() bool {
		stats, err := u.audit.QueueStats(t.Context())
		return err == nil && stats.Dead == 1
	})
	u.mongo.up()
	id := u.accept(u.file)
	u.files[id] = u.file
	for id := range u.files {
		if u.files[id].key == "file-2" {
			u.until("the batch of the dead job has failed", func() bool { return u.status(id) == store.Failed })
		}
		u.process(id)
	}
	u.recovered(u.files)
}

// TestRedisIsDownFor10Seconds loses neither the result of a job that runs
// meanwhile, whether its lease lasts or not, nor an upload.
func TestRedisIsDownFor10Seconds(t *testing.T) {
	for name, lease := range map[string]time.Duration{"and leases last": 30 * time.Second, "and leases are lost": 2 * time.Second} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := begin(t, settings{lease: lease})
			u.redis.down()
			if lease > outage {
				u.goOn()
			}
			id, ok := u.finish()
			if !ok {
				t.Error("an upload was not accepted while Redis was down")
				id = u.accept(u.file)
			}
			u.files[id] = u.file
			during(outage, func() {
				if a, ok := u.do(t.Context(), "POST", "/batches/"+id+"/process", "", nil); ok && a.status != http.StatusServiceUnavailable {
					t.Errorf("process while Redis is down: %d: %s", a.status, a.body)
				}
				if a, ok := u.do(t.Context(), "GET", "/metrics", "", nil); ok && a.status != http.StatusOK {
					t.Errorf("query while Redis is down: %d: %s", a.status, a.body)
				}
			})
			u.redis.up()
			if lease < outage {
				u.goOn()
			}
			u.process(id)
			u.recovered(u.files)
		})
	}
}

// TestAHungRedisCostsUploadsOneTimeoutAPause has Redis take what it is sent and
// answer nothing.
func TestAHungRedisCostsUploadsOneTimeoutAPause(t *testing.T) {
	t.Parallel()
	s := start(t, settings{})
	f := newFile(1, 10)
	files := accepted{s.accept(f): f}
	s.redis.poison("timeout", replies, attributes{"timeout": 0})
	asked, answered, begin := s.limits.asked.Load(), s.limits.answered.Load(), time.Now()
	uploads := 0
	during(4*limiterPause, func() {
		if _, ok := s.upload(t.Context(), f, bytes.NewReader(f.content)); !ok {
			t.Error("an upload was not accepted while Redis was hung")
		}
		uploads++
	})
	most := int64(time.Since(begin)/limiterPause) + 1
	if n := s.limits.asked.Load() - asked; n > most || n == 0 {
		t.Errorf("%d of %d uploads waited for Redis in %v, want at most %d", n, uploads, time.Since(begin), most)
	}
	if n := s.limits.answered.Load() - answered; n > 0 {
		t.Errorf("Redis answered %d times", n)
	}
	s.redis.heal()
	for id := range files {
		s.process(id)
	}
	s.recovered(files)
}
