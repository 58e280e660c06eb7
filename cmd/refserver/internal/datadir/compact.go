package datadir

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/backends"
)

// Compacted is what Compact did to a file; the sizes are in bytes.
type Compacted struct {
	Name          string
	Before, After int64
}

// Compact writes the files of a data directory again without free pages, and
// replaces them. No server may run. It needs as much free space as the data
// takes. If it is interrupted, the old files stay.
func Compact(ctx context.Context, dir string) (done []Compacted, err error) {
	names, err := present(dir, copied())
	if err == nil && len(names) == 0 {
		err = fmt.Errorf("DATA_DIR %q has no data", dir)
	}
	if err != nil {
		return nil, err
	}
	lock, err := backends.Lock(dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	for _, name := range names {
		path := filepath.Join(dir, name)
		before := sizeOf(path)
		if err := compactFile(ctx, path); err != nil {
			return done, named(name, err)
		}
		done = append(done, Compacted{name, before, sizeOf(path)})
	}
	return done, nil
}

// compactFile replaces a file by a copy of it. The log must be empty then: it
// would be taken for that of the copy.
func compactFile(ctx context.Context, path string) error {
	if err := check(ctx, path); err != nil {
		return err
	}
	small := path + ".compact"
	if err := os.RemoveAll(small); err != nil { // of one that was interrupted
		return err
	}
	db, err := open(path, "rw")
	if err != nil {
		return err
	}
	err = emptyLog(ctx, db)
	if err == nil {
		err = copyInto(ctx, db, small)
	}
	if err := errors.Join(err, db.Close()); err != nil {
		return errors.Join(err, os.RemoveAll(small))
	}
	if log, err := os.Stat(path + "-wal"); err == nil && log.Size() > 0 {
		return errors.Join(errors.New("another program has written to it"), os.RemoveAll(small))
	}
	if err := checkAs(ctx, filepath.Base(path), small); err != nil {
		return errors.Join(err, os.RemoveAll(small))
	}
	if err := os.Rename(small, path); err != nil {
		return err
	}
	return syncPath(filepath.Dir(path))
}

// emptyLog copies the log into the file.
func emptyLog(ctx context.Context, db *sql.DB) error {
	var busy, frames, moved int
	err := db.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &frames, &moved)
	if err == nil && busy != 0 {
		err = errors.New("another program is reading it")
	}
	return err
}
