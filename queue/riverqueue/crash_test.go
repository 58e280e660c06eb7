package riverqueue_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/queue/riverqueue"
)

// crashFile tells a child process which queue to work on until it is killed.
const crashFile = "RIVERQUEUE_TEST_CRASH_FILE"

const crashJobs = 60

func TestMain(m *testing.M) {
	if path := os.Getenv(crashFile); path != "" {
		victim(path)
	}
	os.Exit(m.Run())
}

// victim enqueues the jobs if it is the first, and works on them. It says what
// it starts and what it ends, and never ends the job "poison".
func victim(path string) {
	ctx := context.Background()
	q, err := riverqueue.Open(ctx, path, crashOptions())
	if err == nil {
		err = q.Enqueue(ctx, append([]queue.Job{{Kind: "test", ID: "poison"}}, jobs("test", crashJobs)...)...)
	}
	if err == nil {
		err = q.Consume(ctx, func(ctx context.Context, j queue.Job) error {
			fmt.Println("start", j.ID, j.Attempt)
			if j.ID == "poison" {
				<-ctx.Done()
			}
			fmt.Println("end", j.ID, j.Attempt)
			return nil
		})
	}
	fmt.Println("failed", err)
	os.Exit(1)
}

func crashOptions() *riverqueue.Options {
	return &riverqueue.Options{Workers: 4, Retry: queue.Retry{MaxAttempts: 5, Base: time.Millisecond}}
}

func TestNoJobIsLostWhenTheProcessIsKilled(t *testing.T) {
	path := file(t)
	var attempts []int // of the poison job
	for _, ends := range []int{10, 0, 0} {
		attempts = append(attempts, killed(t, path, ends))
	}

	q := open(t, path, crashOptions())
	stop := consume(t, q, func(_ context.Context, j queue.Job) error {
		if j.ID == "poison" {
			attempts = append(attempts, j.Attempt)
			return queue.Permanent(errors.New("poison"))
		}
		return nil
	})
	waitIdle(t, q)
	stop()
	if diff := cmp.Diff([]int{1, 2, 3, 4}, attempts); diff != "" {
		t.Errorf("attempts of a job that was running at each of three kills (-want +got):\n%s", diff)
	}
	if n := completed(t, q); n != crashJobs {
		t.Errorf("%d jobs are completed, want %d", n, crashJobs)
	}
	if s, err := q.Stats(t.Context()); err != nil || s != (queue.Stats{Dead: 1}) {
		t.Errorf("Stats is %+v, %v; want the poison job dead and no other left", s, err)
	}
}

// killed starts a victim and kills it once the poison job has started and so
// many others have ended. It returns the attempt of the poison job.
func killed(t *testing.T, path string, ends int) (attempt int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), crashFile+"="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it says that it was killed
	}()
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var what, id string
		var n int
		_, _ = fmt.Sscan(lines.Text(), &what, &id, &n)
		switch {
		case what == "failed":
			t.Fatal(lines.Text())
		case what == "start" && id == "poison":
			attempt = n
		case what == "end":
			ends--
		}
		if attempt > 0 && ends <= 0 {
			return attempt
		}
	}
	t.Fatal("the victim ended by itself")
	return 0
}

// waitIdle waits until no job is waiting, delayed or running.
func waitIdle(t *testing.T, q queue.Queue) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for limit := time.After(30 * time.Second); ; {
		s, err := q.Stats(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if s.Waiting+s.Delayed+s.Running == 0 {
			return
		}
		select {
		case <-limit:
			t.Fatalf("jobs are left: %+v", s)
		case <-tick.C:
		}
	}
}

func completed(t *testing.T, q *riverqueue.Queue) (n int) {
	t.Helper()
	err := q.DB().QueryRowContext(t.Context(), "SELECT count(*) FROM river_job WHERE state = 'completed'").Scan(&n)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
