package riverqueue

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/riverqueue/river/riverdriver/riversqlite"

	"github.com/eventmetrics/eventmetrics/queue"
)

// Check counts the jobs of the queue that [Open] made at path. It changes
// nothing, and the queue may be in use. Errors: fs.ErrNotExist; ErrVersion.
func Check(ctx context.Context, path string) (queue.Stats, error) {
	if _, err := os.Stat(path); err != nil {
		return queue.Stats{}, fmt.Errorf("riverqueue: %w", err)
	}
	dsn, err := DSN(path)
	if err != nil {
		return queue.Stats{}, err
	}
	db, err := sql.Open("sqlite", readOnly(dsn))
	if err != nil {
		return queue.Stats{}, fmt.Errorf("riverqueue: open %q: %w", path, err)
	}
	db.SetMaxOpenConns(1)
	q, err := NewDriver(riversqlite.New(db), nil)
	if err != nil {
		return queue.Stats{}, errors.Join(err, db.Close())
	}
	stats, err := q.inspect(ctx)
	return stats, errors.Join(err, q.Close(), db.Close())
}

func (q *Queue) inspect(ctx context.Context) (queue.Stats, error) {
	m, err := q.migrator()
	if err == nil {
		err = q.checkVersion(ctx, m)
	}
	if err != nil {
		return queue.Stats{}, err
	}
	return q.Stats(ctx)
}

// readOnly returns the data source name of a handle that cannot write.
func readOnly(dsn string) string {
	file, _, _ := strings.Cut(dsn, "?")
	return file + "?mode=ro&_pragma=busy_timeout(10000)&_pragma=query_only(1)"
}
