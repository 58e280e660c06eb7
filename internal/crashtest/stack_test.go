package crashtest_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/internal/stepsql"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/queue/riverqueue"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/sqlitestore"
)

// stack is a Service on the embedded store and queue.
type stack struct {
	*eventmetrics.Service
	store     *sqlitestore.Store
	queue     *riverqueue.Queue
	databases []*sql.DB
}

// openStack opens the files in dir. Step is called before each statement that
// changes something.
func openStack(ctx context.Context, dir string, step func(string)) (_ *stack, err error) {
	s := &stack{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	open := func(dsn string) *sql.DB {
		db, openErr := stepsql.Open("sqlite", dsn, func(statement string) {
			if changes(statement) {
				step(statement)
			}
		})
		if openErr != nil {
			err = errors.Join(err, openErr)
			return nil
		}
		s.databases = append(s.databases, db)
		return db
	}
	writerDSN, readerDSN := sqlitestore.DSN(filepath.Join(dir, "events.db"))
	queueDSN, dsnErr := riverqueue.DSN(filepath.Join(dir, "queue.db"))
	writer, reader, jobs := open(writerDSN), open(readerDSN), open(queueDSN)
	if err = errors.Join(err, dsnErr); err != nil {
		return nil, err
	}
	jobs.SetMaxOpenConns(1)
	if s.store, err = sqlitestore.New(ctx, writer, reader, nil); err != nil {
		return nil, err
	}
	s.queue, err = riverqueue.New(ctx, jobs, &riverqueue.Options{
		Workers: 2,
		Retry:   queue.Retry{Base: 10 * time.Millisecond},
	})
	if err != nil {
		return nil, err
	}
	s.Service = eventmetrics.New(s.store, s.queue, &eventmetrics.Options{
		ReconcileEvery: 20 * time.Millisecond,
		CleanupEvery:   -1,
		ReprocessEvery: -1,
		CleanupTTL:     time.Nanosecond,
	})
	return s, nil
}

func (s *stack) close() error {
	var errs []error
	if s.queue != nil {
		errs = append(errs, s.queue.Close())
	}
	for _, db := range s.databases {
		errs = append(errs, db.Close())
	}
	return errors.Join(errs...)
}

// changes reports whether a statement can leave a trace on the disk: to kill
// before one that cannot is to kill before the next that can.
func changes(statement string) bool {
	for line := range strings.Lines(statement) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "--") {
			continue
		}
		word, _, _ := strings.Cut(strings.ToUpper(line), " ")
		return word != "SELECT" && word != "BEGIN" && word != "ROLLBACK"
	}
	return false
}

// mustOpen opens the files in dir for a test.
func mustOpen(t *testing.T, dir string) *stack {
	t.Helper()
	s, err := openStack(t.Context(), dir, func(string) {})
	if err != nil {
		t.Fatalf("the files cannot be opened again: %v", err)
	}
	return s
}

func (s *stack) mustClose(t *testing.T) {
	t.Helper()
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
}

// working runs the workers during f.
func (s *stack) working(ctx context.Context, f func() error) error {
	ctx, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	err := f()
	stop()
	return errors.Join(err, <-done)
}

// settle lets the workers finish whatever a crash left in line.
func (s *stack) settle(t *testing.T) {
	t.Helper()
	err := s.working(t.Context(), func() error {
		for _, b := range s.list(t) {
			if b.Status != store.Queued && b.Status != store.Processing {
				continue
			}
			if _, err := s.finish(t.Context(), b.ID); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (s *stack) list(t *testing.T) []store.Batch {
	t.Helper()
	batches, err := s.Batches(t.Context(), store.BatchQuery{Limit: store.MaxLimit})
	if err != nil {
		t.Fatal(err)
	}
	return batches
}

// finish waits for a batch, within a bound.
func (s *stack) finish(ctx context.Context, id string) (store.Batch, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return s.Wait(ctx, id)
}

// processNow puts a batch in line and waits for it.
func (s *stack) processNow(ctx context.Context, id string) error {
	return s.working(ctx, func() error {
		if err := s.Process(ctx, id); err != nil && !errors.Is(err, store.ErrConflict) {
			return err
		}
		b, err := s.finish(ctx, id)
		if err == nil && b.Status != store.Completed {
			return errors.New("batch is " + string(b.Status) + ": " + b.Cause)
		}
		return err
	})
}
