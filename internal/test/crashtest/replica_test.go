package crashtest_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/httpapi"
	"github.com/eventmetrics/eventmetrics/queue"
)

// What the processes of several on one store and queue do.
const (
	apiScenario    = "api"
	workerScenario = "worker"
)

// replicaOptions let all that is scheduled happen often; a reprocess less so,
// whose reads keep the server of the tests busy for seconds.
func replicaOptions() *eventmetrics.Options {
	return &eventmetrics.Options{
		ReconcileEvery: time.Second,
		CleanupEvery:   2 * time.Second,
		CleanupTTL:     5 * time.Second,
		ReprocessEvery: 15 * time.Second,
		Dimensions:     []string{"test_id"},
	}
}

// serveAPI answers requests until the process is killed. It prints its URL.
func (o *order) serveAPI(ctx context.Context) error {
	s, err := o.open(ctx, func(string) {})
	if err != nil {
		return err
	}
	s.serve(replicaOptions())
	api, err := httpapi.New(s.Service, &httpapi.Options{Authorize: httpapi.AllowAll})
	if err != nil {
		return err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Printf("http://%s\n", l.Addr())
	server := &http.Server{Handler: api, ReadHeaderTimeout: 10 * time.Second}
	return server.Serve(l)
}

// workOn does jobs until SIGTERM. It prints the starts and results of scheduled
// jobs.
func (o *order) workOn(ctx context.Context) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM)
	defer stop()
	s, err := o.open(ctx, func(string) {})
	if err != nil {
		return err
	}
	s.queue = printing{s.queue}
	s.serve(replicaOptions())
	fmt.Println("working")
	if err := s.Run(ctx); err != nil {
		return err
	}
	return s.close()
}

// printing is a queue that prints starts and results of scheduled jobs.
type printing struct{ queue.Queue }

func (q printing) Consume(ctx context.Context, h queue.Handler) error {
	return q.Queue.Consume(ctx, func(ctx context.Context, j queue.Job) error {
		if j.Kind == "process" {
			return h(ctx, j)
		}
		fmt.Printf("start %s:%s\n", j.Kind, j.ID)
		err := h(ctx, j)
		if err == nil {
			fmt.Printf("done %s:%s\n", j.Kind, j.ID)
		} else {
			fmt.Printf("failed %s:%s %v\n", j.Kind, j.ID, err)
		}
		return err
	})
}

// replica is a running child.
type replica struct {
	cmd    *exec.Cmd
	first  string // what it printed first
	ended  chan struct{}
	killed bool // guarded by the ticks
}

// ticks are the runs of scheduled jobs that workers printed.
type ticks struct {
	mu   sync.Mutex
	runs map[string][]*tickRun
}

// tickRun is one attempt at the job of a tick.
type tickRun struct {
	by   *replica
	done bool
	// again is set when the next attempt starts although this process lives.
	again bool
	err   string
}

// hear reads a line of a worker.
func (k *ticks) hear(by *replica, line string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	what, tick, _ := strings.Cut(line, " ")
	tick, cause, _ := strings.Cut(tick, " ")
	if what == "start" {
		for _, r := range k.runs[tick] {
			r.again = r.again || !r.by.killed
		}
		k.runs[tick] = append(k.runs[tick], &tickRun{by: by})
		return
	}
	for _, r := range k.runs[tick] {
		if r.by == by {
			r.done, r.err = what == "done", cause
		}
	}
}

// open returns the ticks whose job is not done, with what became of it. Among
// those of a former result, unless it is nil.
func (k *ticks) open(among map[string]string) map[string]string {
	k.mu.Lock()
	defer k.mu.Unlock()
	open := map[string]string{}
	for tick, runs := range k.runs {
		if _, asked := among[tick]; among != nil && !asked {
			continue
		}
		done := slices.ContainsFunc(runs, func(r *tickRun) bool { return r.done })
		if !done {
			open[tick] = fmt.Sprintf("%d attempts, the last of which ended with %q", len(runs), runs[len(runs)-1].err)
		}
	}
	return open
}

// check checks that no job was done again but after its process was killed:
// the job is done, and the queue does not know yet.
func (k *ticks) check(t *testing.T) {
	t.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	kinds := map[string]int{}
	attempts := 0
	for tick, runs := range k.runs {
		name, _, _ := strings.Cut(tick, ":")
		kinds[name]++
		attempts += len(runs)
		for _, r := range runs {
			if r.done && r.again {
				t.Errorf("%s ran again after it was done", tick)
			}
			if r.err != "" {
				t.Logf("%s failed once: %s", tick, r.err)
			}
		}
	}
	t.Logf("ticks: %v, in %d attempts", kinds, attempts)
	if kinds["cleanup"] < 2 || kinds["reprocess"] < 1 {
		t.Errorf("hardly a tick was seen: %v", kinds)
	}
}

// start starts a child and waits for its first line.
func (o *order) start(t *testing.T, k *ticks) (*replica, error) {
	r := &replica{cmd: o.command(t), ended: make(chan struct{})}
	r.cmd.Stderr = os.Stderr
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := r.cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		return nil, fmt.Errorf("%s does not work: %w", o.Scenario, r.cmd.Wait())
	}
	r.first = lines.Text()
	go func() {
		defer close(r.ended)
		for lines.Scan() {
			k.hear(r, lines.Text())
		}
		_ = r.cmd.Wait() // how it ended is known to who ended it
	}()
	return r, nil
}

// kill is kill -9.
func (r *replica) kill(k *ticks) {
	k.mu.Lock()
	r.killed = true
	k.mu.Unlock()
	_ = r.cmd.Process.Kill()
	<-r.ended
}

// end lets the child finish what it does.
func (r *replica) end() {
	_ = r.cmd.Process.Signal(syscall.SIGTERM)
	<-r.ended
}
