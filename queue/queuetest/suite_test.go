package queuetest

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/queue/memqueue"
)

// recorder stands in for a *testing.T and keeps what a check says.
type recorder struct {
	ctx context.Context //nolint:containedctx // it is what Context returns, as with a *testing.T

	mu       sync.Mutex
	failures []string
	cleanups []func()
}

func (r *recorder) Helper()                  {}
func (r *recorder) Context() context.Context { return r.ctx }

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

func (r *recorder) Cleanup(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cleanups = append(r.cleanups, f)
}

// observe runs a check and returns its failures.
func observe(t *testing.T, c check, h Harness) []string {
	r := &recorder{ctx: t.Context()}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.run(newEnv(t, r, h))
	}()
	<-ended
	for _, f := range slices.Backward(r.cleanups) {
		f()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failures
}

func sound(s Settings) queue.Queue {
	return memqueue.New(&memqueue.Options{
		Workers:      s.Workers,
		Retry:        s.Retry,
		DrainTimeout: s.DrainTimeout,
		DoneWindow:   s.DoneWindow,
	})
}

func TestEachBrokenQueueFailsItsChecks(t *testing.T) {
	byName := map[string]check{}
	for _, c := range checks() {
		byName[c.name] = c
	}
	for _, b := range brokenQueues() {
		for _, name := range b.fails {
			t.Run(b.name+" fails "+name, func(t *testing.T) {
				t.Parallel()
				c, ok := byName[name]
				if !ok {
					t.Fatalf("there is no check %q", name)
				}
				var failures []string
				// A check watches a queue for a tenth of a second, in which a busy
				// machine may have done nothing yet.
				for tries := 0; len(failures) == 0 && tries < 10; tries++ {
					h := Harness{
						Open:    func(_ *testing.T, s Settings) queue.Queue { return b.open(s) },
						Reopen:  func(_ *testing.T, q queue.Queue, s Settings) queue.Queue { return b.reopen(q, s) },
						Timeout: 700 * time.Millisecond,
					}
					if b.change != nil {
						b.change(&h)
					}
					failures = observe(t, c, h)
				}
				if len(failures) == 0 {
					t.Errorf("the check does not notice that the queue %s", b.name)
				}
				for _, f := range failures {
					t.Log(f)
				}
			})
		}
	}
}

func TestEachCheckIsProvenByABrokenQueue(t *testing.T) {
	proven := map[string]bool{}
	for _, b := range brokenQueues() {
		for _, name := range b.fails {
			proven[name] = true
		}
	}
	for _, c := range checks() {
		if !proven[c.name] {
			t.Errorf("no broken queue fails %q", c.name)
		}
	}
}

func TestASoundQueueFailsNoCheck(t *testing.T) {
	h := Harness{
		Open: func(_ *testing.T, s Settings) queue.Queue { return newOutages(s, queue.ErrUnavailable) },
		OpenPair: func(_ *testing.T, s Settings) (a, b queue.Queue) {
			q := sound(s)
			return q, q
		},
		PowerCut: func(_ *testing.T, s Settings) (queue.Queue, func() queue.Queue) {
			q := sound(s)
			return q, func() queue.Queue { return q }
		},
		OpenOther:  func(_ *testing.T, _ queue.Queue, s Settings) queue.Queue { return sound(s) },
		Cut:        cutOutages,
		Lease:      20 * time.Millisecond,
		DoneWindow: true,
	}
	for _, c := range checks() {
		if !h.has(c.field) {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if failures := observe(t, c, h); len(failures) > 0 {
				t.Error(strings.Join(failures, "\n"))
			}
		})
	}
}

func TestAFieldThatIsLeftOutIsReportedByName(t *testing.T) {
	needed := map[string]bool{"": true}
	for _, c := range checks() {
		needed[c.field] = true
	}
	for _, field := range fields {
		if (Harness{}).has(field) || !needed[field] {
			t.Errorf("field %s is set in an empty harness, or no check needs it", field)
		}
		delete(needed, field)
	}
	if len(needed) != 1 {
		t.Errorf("checks need fields that Run does not report: %v", needed)
	}
}

// The table in the package documentation has each rule once.
func TestEachCheckIsDocumented(t *testing.T) {
	text, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for line := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(line, "//   - "); ok {
			listed = append(listed, strings.TrimSpace(name))
		}
	}
	var want []string
	for _, c := range checks() {
		want = append(want, c.name)
	}
	slices.Sort(want)
	slices.Sort(listed)
	if !slices.Equal(want, listed) {
		t.Errorf("the checks are\n%s\nthe documentation lists\n%s", strings.Join(want, "\n"), strings.Join(listed, "\n"))
	}
}
