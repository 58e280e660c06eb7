package redisqueue_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/queue/queuetest"
	"github.com/eventmetrics/eventmetrics/queue/redisqueue"
)

// process is a queue as one process has it, whose connections can be cut for
// good, which is all that Redis notices of its end.
type process struct {
	*redisqueue.Queue
	opts *redisqueue.Options
	url  string

	mu    sync.Mutex
	lost  bool
	conns []net.Conn
}

var errLost = errors.New("the process is lost")

func newProcess(t *testing.T, url string, o *redisqueue.Options) *process {
	t.Helper()
	p := &process{opts: o, url: url}
	ro, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	ro.ContextTimeoutEnabled = true
	ro.Dialer = p.dial
	client := redis.NewClient(ro)
	t.Cleanup(func() { _ = client.Close() })
	if p.Queue, err = redisqueue.New(client, o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

func (p *process) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil && p.lost {
		_ = conn.Close()
		return nil, errLost
	}
	p.conns = append(p.conns, conn)
	return conn, err
}

func (p *process) lose() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lost = true
	for _, conn := range p.conns {
		if conn != nil {
			_ = conn.Close()
		}
	}
}

// clientDial is what a client of go-redis that could not connect leaves for up
// to a second after its Close.
var clientDial = goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial")

func TestConformance(t *testing.T) {
	url := testenv.RedisURL(t)
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent(), clientDial)
	queuetest.Run(t, queuetest.Harness{
		Open: func(t *testing.T, s queuetest.Settings) queue.Queue {
			return newProcess(t, url, named(t, options(s)))
		},
		Reopen: func(t *testing.T, q queue.Queue, s queuetest.Settings) queue.Queue {
			p := q.(*process)
			p.lose()
			o := options(s)
			o.Name = p.opts.Name
			return newProcess(t, url, &o)
		},
		DoneWindow: true,
	})
}

func options(s queuetest.Settings) redisqueue.Options {
	return redisqueue.Options{
		Workers:      s.Workers,
		Retry:        s.Retry,
		DrainTimeout: s.DrainTimeout,
		DoneWindow:   s.DoneWindow,
		Lease:        2 * time.Second,
		CallTimeout:  time.Second,
	}
}
