package riverqueue

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/eventmetrics/eventmetrics/internal/driver/stmtcache"
)

// Open opens or creates the queue in the SQLite file at path and migrates its
// tables. Nothing else should be in the file. Options may be nil. The caller
// must Close the queue.
func Open(ctx context.Context, path string, o *Options) (*Queue, error) {
	dsn, err := DSN(path)
	if err != nil {
		return nil, err
	}
	db, err := stmtcache.Open(dsn)
	if err != nil {
		return nil, fmt.Errorf("riverqueue: open %q: %w", path, err)
	}
	// SQLite allows one writer. With more connections, River would meet its lock.
	db.SetMaxOpenConns(1)
	q, err := New(ctx, db, o)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	q.owned = db
	return q, nil
}

// DSN returns the data source name, for the driver called sqlite, of the handle
// that [New] wants for the file at path.
func DSN(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("riverqueue: open %q: %w", path, err)
	}
	abs = "/" + strings.TrimPrefix(filepath.ToSlash(abs), "/")
	pragmas := url.Values{
		// FULL, so that an enqueued job survives a power cut. secure_delete, so
		// that nothing is left of the text of a dead letter that was discarded.
		"_pragma": {"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "secure_delete(1)"},
		"_txlock": {"immediate"},
	}
	return (&url.URL{Scheme: "file", Path: abs, RawQuery: pragmas.Encode()}).String(), nil
}
