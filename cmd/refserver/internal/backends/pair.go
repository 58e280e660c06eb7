package backends

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/eventmetrics/eventmetrics/internal/worker"
	"github.com/eventmetrics/eventmetrics/queue/riverqueue"
	"github.com/eventmetrics/eventmetrics/store/sqlitestore"
)

// The files of a data directory that have data.
const (
	StoreFile = "events.db"
	QueueFile = "queue.db"
)

// ErrLostStore means that the data directory has a queue with jobs of batches,
// and a store that never had a batch.
var ErrLostStore = errors.New("the store of this data directory is missing")

// CheckPair checks, without changing anything, that the files of a data directory
// belong together. A new store beside an old queue would look like a server that
// has lost everything. Errors: ErrLostStore.
func CheckPair(ctx context.Context, dir string) error {
	unused, err := sqlitestore.Unused(ctx, filepath.Join(dir, StoreFile))
	if err != nil || !unused {
		return err
	}
	known, err := riverqueue.Knows(ctx, filepath.Join(dir, QueueFile), worker.KindProcess)
	if err == nil && known {
		err = fmt.Errorf("%w: events.db in DATA_DIR %q is missing or empty, and queue.db has jobs of its batches: "+
			"restore events.db from a backup (refserver restore, into a new directory). "+
			"To begin without the old data, set DATA_DIR to a new directory", ErrLostStore, dir)
	}
	return err
}
