package site

import (
	"context"
	"database/sql"
	"strings"

	"github.com/eventmetrics/eventmetrics/internal/test/stepsql"
	"github.com/eventmetrics/eventmetrics/queue/riverqueue"
	"github.com/eventmetrics/eventmetrics/store/sqlitestore"
)

// openFile opens the store in a file.
func (b *Backends) openFile(ctx context.Context, path string, o *Options) error {
	writerDSN, readerDSN := sqlitestore.DSN(path)
	writer, err := b.openDatabase(writerDSN)
	if err != nil {
		return err
	}
	reader, err := b.openDatabase(readerDSN)
	if err != nil {
		return err
	}
	st, err := sqlitestore.New(ctx, writer, reader, &sqlitestore.Options{Now: o.Now, Heartbeat: o.Heartbeat})
	if err != nil {
		return err
	}
	b.Store = st
	b.closers = append(b.closers, st.Close)
	return nil
}

// openQueueFile opens the queue in a file.
func (b *Backends) openQueueFile(ctx context.Context, path string, o *Options) error {
	dsn, err := riverqueue.DSN(path)
	if err != nil {
		return err
	}
	jobs, err := b.openDatabase(dsn)
	if err != nil {
		return err
	}
	jobs.SetMaxOpenConns(1)
	q, err := riverqueue.New(ctx, jobs, &riverqueue.Options{Workers: 2, Retry: o.Retry})
	if err != nil {
		return err
	}
	b.Queue = q
	b.closers = append(b.closers, q.Close)
	return nil
}

func (b *Backends) openDatabase(dsn string) (*sql.DB, error) {
	db, err := stepsql.Open("sqlite", dsn, func(statement string) {
		if changes(statement) {
			b.step(statement)
		}
	})
	if err != nil {
		return nil, err
	}
	b.closers = append(b.closers, db.Close)
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
