package redisqueue_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

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
	lost  bool // for good, or until back
	conns []net.Conn
}

var errLost = errors.New("the process is lost")

func newProcess(t *testing.T, url string, o *redisqueue.Options) *process {
	t.Helper()
	p := &process{opts: o, url: url}
	client := testenv.RedisClient(t, url, p.dial)
	var err error
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

// back ends what lose began.
func (p *process) back() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lost, p.conns = false, nil
}

// like opens the queue of p as another process.
func (p *process) like(t *testing.T, s queuetest.Settings) *process {
	t.Helper()
	o := options(s)
	o.Name = p.opts.Name
	return newProcess(t, p.url, &o)
}

// clientDial is what a client of go-redis that could not connect leaves for up
// to a second after its Close.
var clientDial = goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial")

func TestConformance(t *testing.T) {
	url := testenv.RedisURL(t)
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent(), clientDial)
	queuetest.Run(t, harness(url))
}

func harness(url string) queuetest.Harness {
	return queuetest.Harness{
		Open: func(t *testing.T, s queuetest.Settings) queue.Queue {
			return newProcess(t, url, named(t, options(s)))
		},
		Reopen: func(t *testing.T, q queue.Queue, s queuetest.Settings) queue.Queue {
			p := q.(*process)
			p.lose()
			return p.like(t, s)
		},
		OpenPair: func(t *testing.T, s queuetest.Settings) (a, b queue.Queue) {
			p := newProcess(t, url, named(t, options(s)))
			return p, p.like(t, s)
		},
		OpenOther: func(t *testing.T, q queue.Queue, s queuetest.Settings) queue.Queue {
			o := options(s)
			o.Name = q.(*process).opts.Name + "-other"
			return newProcess(t, url, &o)
		},
		Cut: func(_ *testing.T, q queue.Queue) func() {
			p := q.(*process)
			p.lose()
			return p.back
		},
		Shift:      shift,
		Lease:      lease,
		DoneWindow: true,
	}
}

// lease is long enough for a busy machine.
const lease = 2 * time.Second

// shift adds d to all times in the queue.
func shift(t *testing.T, q queue.Queue, d time.Duration) {
	t.Helper()
	shiftTimes(t, q.(*process).Queue, d)
}

func shiftTimes(t testing.TB, p *redisqueue.Queue, d time.Duration) {
	t.Helper()
	const script = `
		for i = 1, 4 do
			local by = tonumber(ARGV[1])
			if i == 4 then by = by * 1000 end
			for _, m in ipairs(redis.call('ZRANGE', KEYS[i], 0, -1)) do redis.call('ZINCRBY', KEYS[i], by, m) end
		end
		for _, key in ipairs(redis.call('HKEYS', KEYS[5])) do redis.call('HINCRBY', KEYS[5], key, ARGV[1]) end
		if redis.call('EXISTS', KEYS[6]) == 1 then redis.call('INCRBY', KEYS[6], ARGV[1]) end
		return 1`
	keys := []string{p.Key("lease"), p.Key("delay"), p.Key("done"), p.Key("dead"), p.Key("jobs"), p.Key("clock")}
	if err := p.Client().Eval(t.Context(), script, keys, d.Milliseconds()).Err(); err != nil {
		t.Fatal(err)
	}
}

func options(s queuetest.Settings) redisqueue.Options {
	return redisqueue.Options{
		Workers:      s.Workers,
		Retry:        s.Retry,
		DrainTimeout: s.DrainTimeout,
		DoneWindow:   s.DoneWindow,
		Lease:        lease,
		CallTimeout:  time.Second,
	}
}
