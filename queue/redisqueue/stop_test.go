//go:build unix

package redisqueue_test

import (
	"context"
	"io"
	"strings"
	"syscall"
	"testing"

	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
	"github.com/eventmetrics/eventmetrics/queue"
)

// TestALateResultChangesNothing stops a process until its lease has expired.
// When it goes on, another is at the job, and then has done it.
func TestALateResultChangesNothing(t *testing.T) {
	t.Parallel()
	url := testenv.RedisURL(t)
	o := crashOptions(testenv.Name(t))
	q := open(t, url, o)
	enqueue(t, q, queue.Job{Kind: "test", ID: "deaf"})
	v := startVictim(t, url, o.Name)
	v.started(t, "deaf")
	if err := v.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	got, gate := make(chan queue.Job, 2), make(chan struct{})
	consume(t, q, func(_ context.Context, j queue.Job) error {
		got <- j
		<-gate
		return nil
	})
	if j := <-got; j.Attempt != 2 {
		t.Errorf("the job comes to another as attempt %d, want 2", j.Attempt)
	}
	if err := v.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(v.in, "\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := v.until("end deaf"); err != nil {
		t.Fatal(err)
	}
	line, err := v.until("log")
	for err == nil && !strings.Contains(line, "refused") {
		line, err = v.until("log")
	}
	if err != nil {
		t.Fatal(err)
	}
	if found, err := states(t, q); err != nil || found["test:deaf"] != (modelJob{State: "running", Attempt: 2}) {
		t.Errorf("after the late result the queue holds %+v, %v; want the job running as attempt 2", found, err)
	}
	close(gate)
	waitIdle(t, q)
	if found, err := states(t, q); err != nil || found["test:deaf"].State != "done" {
		t.Errorf("at the end the queue holds %+v, %v; want the job done", found, err)
	}
	if len(got) > 0 {
		t.Errorf("the job was delivered again: %+v", <-got)
	}
}
