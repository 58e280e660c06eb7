package crashtest_test

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"github.com/eventmetrics/eventmetrics/internal/test/stepsql"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/queue/riverqueue"
	"github.com/eventmetrics/eventmetrics/store/sqlitestore"
)

// openFile opens the store in a file.
func (s *stack) openFile(ctx context.Context, path string, step func(string)) error {
	writerDSN, readerDSN := sqlitestore.DSN(path)
	writer, err := s.openDatabase(writerDSN, step)
	if err != nil {
		return err
	}
	reader, err := s.openDatabase(readerDSN, step)
	if err != nil {
		return err
	}
	s.store, err = sqlitestore.New(ctx, writer, reader, nil)
	return err
}

// openQueueFile opens the queue in a file.
func (s *stack) openQueueFile(ctx context.Context, path string, step func(string)) error {
	dsn, err := riverqueue.DSN(path)
	if err != nil {
		return err
	}
	jobs, err := s.openDatabase(dsn, step)
	if err != nil {
		return err
	}
	jobs.SetMaxOpenConns(1)
	q, err := riverqueue.New(ctx, jobs, &riverqueue.Options{
		Workers: 2,
		Retry:   queue.Retry{Base: 10 * time.Millisecond},
	})
	if err != nil {
		return err
	}
	s.queue = q
	s.closers = append(s.closers, q.Close)
	return nil
}

func (s *stack) openDatabase(dsn string, step func(string)) (*sql.DB, error) {
	db, err := stepsql.Open("sqlite", dsn, func(statement string) {
		if changes(statement) {
			step(statement)
		}
	})
	if err != nil {
		return nil, err
	}
	s.closers = append(s.closers, db.Close)
	return db, nil
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
