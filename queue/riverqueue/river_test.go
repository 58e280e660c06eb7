package riverqueue_test

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"go.uber.org/goleak"

	"github.com/eventmetrics/eventmetrics/internal/test/syncbuf"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/queue/riverqueue"
)

// onlyJob returns the one row of River's table.
func onlyJob(t *testing.T, q *riverqueue.Queue) (id int64, kind, args, state string) {
	t.Helper()
	row := q.DB().QueryRowContext(t.Context(), "SELECT id, kind, json(args), state FROM river_job")
	if err := row.Scan(&id, &kind, &args, &state); err != nil {
		t.Fatal(err)
	}
	return id, kind, args, state
}

func TestRiverSeesAReadableJob(t *testing.T) {
	q := open(t, file(t), nil)
	if err := q.Enqueue(t.Context(), queue.Job{Kind: "process", ID: "0198c1"}); err != nil {
		t.Fatal(err)
	}
	_, kind, args, state := onlyJob(t, q)
	want := []string{riverqueue.Kind, `{"kind":"process","id":"0198c1"}`, "available"}
	if diff := cmp.Diff(want, []string{kind, args, state}); diff != "" {
		t.Errorf("kind, arguments and state in River's table (-want +got):\n%s", diff)
	}
}

func TestAJobCancelledInRiverIsADeadLetter(t *testing.T) {
	q := open(t, file(t), nil)
	job := queue.Job{Kind: "process", ID: "1"}
	if err := q.Enqueue(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	id, _, _, _ := onlyJob(t, q)
	client, err := river.NewClient(riversqlite.New(q.DB()), &river.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.JobCancel(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	dead, err := q.Dead(t.Context(), queue.DeadQuery{})
	if err != nil || len(dead) != 1 || dead[0].Key() != job.Key() || dead[0].Err != "cancelled" {
		t.Fatalf("Dead is %+v, %v; want the cancelled job", dead, err)
	}
	if err := q.Retry(t.Context(), job.Key()); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	consume(t, q, func(context.Context, queue.Job) error { close(done); return nil })
	<-done
}

// database opens the file of a queue, until the end of the test.
func database(t *testing.T, path string) *sql.DB {
	t.Helper()
	dsn, err := riverqueue.DSN(path)
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	db.SetMaxOpenConns(1)
	return db
}

func TestAnyRiverDriverForDatabaseSQLWillDo(t *testing.T) {
	path := file(t)
	open(t, path, nil) // makes the tables
	db := database(t, path)
	q, err := riverqueue.NewDriver(riversqlite.New(db), &riverqueue.Options{Name: "other"})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	consume(t, q, func(context.Context, queue.Job) error { close(done); return nil })
	if err := q.Enqueue(t.Context(), queue.Job{Kind: "process", ID: "1"}); err != nil {
		t.Fatal(err)
	}
	<-done
	if err := q.Close(); err != nil {
		t.Error(err)
	}
	if err := db.PingContext(t.Context()); err != nil {
		t.Errorf("Close of a queue that borrows its database closed it: %v", err)
	}
}

func TestQueuesOfOtherNamesAreApart(t *testing.T) {
	path := file(t)
	a := open(t, path, nil)
	b := open(t, path, &riverqueue.Options{Name: "other"})
	job := queue.Job{Kind: "process", ID: "1"}
	for _, q := range []queue.Queue{a, b} {
		if err := q.Enqueue(t.Context(), job); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan struct{})
	consume(t, b, func(context.Context, queue.Job) error { close(done); return nil })
	<-done
	if s, err := a.Stats(t.Context()); err != nil || s.Waiting != 1 {
		t.Errorf("Stats is %+v, %v; want 1 waiting job", s, err)
	}
}

func TestAnAttemptFailsAfterTheJobTimeout(t *testing.T) {
	q := open(t, file(t), &riverqueue.Options{JobTimeout: 20 * time.Millisecond, Retry: queue.Retry{MaxAttempts: 1}})
	consume(t, q, func(ctx context.Context, _ queue.Job) error {
		<-ctx.Done()
		return ctx.Err()
	})
	if err := q.Enqueue(t.Context(), queue.Job{Kind: "process", ID: "1"}); err != nil {
		t.Fatal(err)
	}
	waitIdle(t, q)
	dead, err := q.Dead(t.Context(), queue.DeadQuery{})
	if err != nil || len(dead) != 1 || dead[0].Err != context.DeadlineExceeded.Error() {
		t.Errorf("Dead is %+v, %v; want the job that ran out of time", dead, err)
	}
}

// TestASharedQueueLeavesRunningJobsAlone has a second queue on the same file,
// as another process would, while the first runs a job.
func TestASharedQueueLeavesRunningJobsAlone(t *testing.T) {
	path := file(t)
	first := open(t, path, &riverqueue.Options{Workers: 1}) // so that it takes no other job
	started, gate := make(chan struct{}), make(chan struct{})
	consume(t, first, func(context.Context, queue.Job) error {
		close(started)
		<-gate
		return nil
	})
	if err := first.Enqueue(t.Context(), queue.Job{Kind: "process", ID: "1"}); err != nil {
		t.Fatal(err)
	}
	<-started
	second := open(t, path, &riverqueue.Options{Shared: true})
	got := make(chan string, 2)
	consume(t, second, func(_ context.Context, j queue.Job) error { got <- j.ID; return nil })
	if err := second.Enqueue(t.Context(), queue.Job{Kind: "process", ID: "2"}); err != nil {
		t.Fatal(err)
	}
	if id := <-got; id != "2" {
		t.Errorf("the second process got job %q, which the first is running", id)
	}
	close(gate)
	waitIdle(t, second)
	if len(got) != 0 {
		t.Errorf("the second process also got job %q", <-got)
	}
}

func TestCloseEndsConsumes(t *testing.T) {
	defer goleak.VerifyNone(t)
	q := open(t, file(t), nil)
	started, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- q.Consume(context.WithoutCancel(t.Context()), func(context.Context, queue.Job) error {
			close(started)
			return nil
		})
	}()
	if err := q.Enqueue(t.Context(), queue.Job{Kind: "process", ID: "1"}); err != nil {
		t.Fatal(err)
	}
	<-started
	if err := q.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("Consume returned %v after Close, want nil", err)
	}
	if err := q.Consume(t.Context(), nil); !errors.Is(err, riverqueue.ErrClosed) {
		t.Errorf("Consume of a closed queue: %v, want ErrClosed", err)
	}
	if err := q.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

func TestABadCursorIsAnError(t *testing.T) {
	q := open(t, file(t), nil)
	for _, cursor := range []string{"x", "1", "1.x"} {
		if _, err := q.Dead(t.Context(), queue.DeadQuery{Cursor: cursor}); err == nil {
			t.Errorf("Dead with cursor %q returned no error", cursor)
		}
	}
}

func TestRiverLogsFromItsLevelOnly(t *testing.T) {
	for _, test := range []struct {
		name  string
		level slog.Leveler
		river bool
	}{
		{"by default River's talk is left out", nil, false},
		{"at Info it is there", slog.LevelInfo, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			var log syncbuf.Buffer
			q := open(t, file(t), &riverqueue.Options{Logger: slog.New(slog.NewTextHandler(&log, nil)), RiverLevel: test.level})
			done := make(chan struct{})
			stop := consume(t, q, func(context.Context, queue.Job) error {
				close(done)
				return queue.Permanent(errors.New("no such batch"))
			})
			if err := q.Enqueue(t.Context(), queue.Job{Kind: "process", ID: "1"}); err != nil {
				t.Fatal(err)
			}
			<-done
			stop()
			if err := q.Discard(t.Context(), "process:1", "tested"); err != nil {
				t.Fatal(err)
			}
			if got := strings.Contains(log.String(), `msg="river client started" river=Client`); got != test.river {
				t.Errorf("River's talk is in the log: %v, want %v\n%s", got, test.river, log.String())
			}
			if !strings.Contains(log.String(), "job=process:1 reason=tested") {
				t.Errorf("the log does not say why the job was discarded:\n%s", log.String())
			}
		})
	}
}
