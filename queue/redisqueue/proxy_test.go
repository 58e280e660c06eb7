package redisqueue_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/queue/redisqueue"
)

// proxy stands before a server and loses some of its answers to scripts: it
// passes the question on, and then cuts the connection instead of passing on
// what comes back.
type proxy struct {
	addr string
	cuts atomic.Int64

	mu    sync.Mutex
	lose  float64 // share of the answers
	conns map[net.Conn]bool
	shut  bool
}

func newProxy(t *testing.T, server string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{addr: l.Addr().String(), conns: map[net.Conn]bool{}}
	var group sync.WaitGroup
	group.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			group.Go(func() { p.serve(conn, server) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		p.close()
		group.Wait()
	})
	return p
}

func (p *proxy) serve(client net.Conn, addr string) {
	defer client.Close()
	server, err := net.Dial("tcp", addr)
	if err != nil {
		return
	}
	defer server.Close()
	if !p.add(client, server) {
		return
	}
	var group sync.WaitGroup
	var asked atomic.Bool
	group.Go(func() {
		defer server.Close()
		_, _ = io.Copy(server, io.TeeReader(client, scripts{&asked}))
	})
	buf := make([]byte, 64<<10)
	for {
		n, err := server.Read(buf)
		if err != nil || asked.Swap(false) && p.cut() {
			break
		}
		if _, err := client.Write(buf[:n]); err != nil {
			break
		}
	}
	_ = client.Close()
	group.Wait()
}

// scripts notes that a script is asked for.
type scripts struct{ asked *atomic.Bool }

func (s scripts) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte("evalsha")) {
		s.asked.Store(true)
	}
	return len(b), nil
}

func (p *proxy) add(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		p.conns[c] = true
	}
	return !p.shut
}

func (p *proxy) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shut = true
	for c := range p.conns {
		_ = c.Close()
	}
}

func (p *proxy) setLose(share float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lose = share
}

// cut reports whether this answer is to be lost.
func (p *proxy) cut() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if rand.Float64() >= p.lose {
		return false
	}
	p.cuts.Add(1)
	return true
}

func server(t *testing.T) string {
	t.Helper()
	url := testenv.RedisURL(t)
	if strings.Contains(url, "addr=") {
		t.Skip("the proxy leads to one Redis only")
	}
	o, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	if o.TLSConfig != nil || o.Network != "tcp" || o.Password != "" {
		t.Skip("the proxy speaks to a plain Redis only")
	}
	return o.Addr
}

// TestLostAnswersChangeNothing loses one answer in ten. No job is delivered
// twice or as an attempt too many, and dead letters come back once.
func TestLostAnswersChangeNothing(t *testing.T) {
	t.Parallel()
	const n = 1000
	p := newProxy(t, server(t))
	q := open(t, "redis://"+p.addr, named(t, redisqueue.Options{Workers: 5, Lease: time.Minute, Retry: queue.Retry{MaxAttempts: 2, Base: time.Millisecond}}))
	p.setLose(0.1)
	// A call that had no answer in all its tries is repeated, and then may find
	// that it has done it already.
	patiently := func(already error, do func() error) {
		tries := 0
		eventually(t, "Redis answers", func() bool {
			err := do()
			if tries++; tries > 1 && already != nil && errors.Is(err, already) {
				return true
			}
			if err != nil && !errors.Is(err, queue.ErrUnavailable) {
				t.Fatal(err)
			}
			return err == nil
		})
	}
	var log sync.Map // key and attempt to count
	stop := consume(t, q, func(_ context.Context, j queue.Job) error {
		count, _ := log.LoadOrStore(j.Key()+" "+string(rune('0'+j.Attempt)), new(atomic.Int64))
		count.(*atomic.Int64).Add(1)
		if strings.HasSuffix(j.ID, "7") {
			return errors.New("failed")
		}
		return nil
	})
	for _, j := range jobs("test", n) {
		patiently(nil, func() error { return q.Enqueue(t.Context(), j) })
	}
	eventually(t, "all jobs have ended", func() bool {
		s, err := q.Stats(t.Context())
		return err == nil && s.Waiting+s.Delayed+s.Running == 0
	})
	var delivered int
	log.Range(func(key, count any) bool {
		if c := count.(*atomic.Int64).Load(); c != 1 {
			t.Errorf("%v was delivered %d times, want once", key, c)
		}
		delivered++
		return true
	})
	if delivered != n+n/10 {
		t.Errorf("%d attempts were made, want %d: one of each job, and one more of those that fail", delivered, n+n/10)
	}
	stop()
	for i := range n / 10 {
		key := jobs("test", n)[10*i+7].Key()
		if i%2 == 0 {
			patiently(queue.ErrNotDead, func() error { return q.Retry(t.Context(), key) })
		} else {
			patiently(queue.ErrNotFound, func() error { return q.Discard(t.Context(), key, "test") })
		}
	}
	p.setLose(0)
	if s := stats(t, q); s.Waiting != n/20 || s.Dead != 0 {
		t.Errorf("Stats is %+v, want %d retried jobs waiting and none dead", s, n/20)
	}
	if _, err := states(t, q); err != nil {
		t.Error(err)
	}
	t.Logf("%d answers were lost", p.cuts.Load())
}

// TestWhatWasTakenWithoutAnAnswerComesBack loses all answers for more leases
// than a job has attempts. The consumer takes jobs and does not know, but no
// more than once.
func TestWhatWasTakenWithoutAnAnswerComesBack(t *testing.T) {
	t.Parallel()
	addr := server(t)
	p := newProxy(t, addr)
	o := named(t, redisqueue.Options{Workers: 5, Lease: 1500 * time.Millisecond, CallTimeout: 500 * time.Millisecond})
	q, direct := open(t, "redis://"+p.addr, o), open(t, "redis://"+addr, &redisqueue.Options{Name: o.Name})
	var ends sync.Map
	handle := func(_ context.Context, j queue.Job) error {
		ends.Store(j.Key(), true)
		if j.Attempt > 2 {
			t.Errorf("job %s comes as attempt %d: the outage cost it more than one", j.Key(), j.Attempt)
		}
		return nil
	}
	stop := consume(t, q, handle)
	enqueue(t, direct, jobs("warm", 1)...) // makes the scripts known
	waitIdle(t, direct)
	stop()
	all := jobs("test", 20)
	enqueue(t, direct, all...)
	p.setLose(1)
	consume(t, q, handle)
	eventually(t, "jobs were taken", func() bool { return stats(t, direct).Running > 0 })
	<-time.After(4 * o.Lease)
	p.setLose(0)
	waitIdle(t, direct)
	for _, j := range all {
		if _, ok := ends.Load(j.Key()); !ok {
			t.Errorf("job %s was never delivered", j.Key())
		}
	}
	if s := stats(t, direct); s != (queue.Stats{}) {
		t.Errorf("Stats is %+v, want all jobs done", s)
	}
}
