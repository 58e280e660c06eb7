// Package datadir backs up, restores and compacts the SQLite files of a data
// directory.
package datadir

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"

	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/backends"
	"github.com/eventmetrics/eventmetrics/queue/riverqueue"
	"github.com/eventmetrics/eventmetrics/store/sqlitestore"
)

// copied returns the files in the order in which a backup copies them. The queue
// comes first: a job that is in it, and whose batch has moved on in the store, is
// found to be done. In the other order, the queue could remember as done the job
// of a batch that is not processed in the store, and would refuse it for a day.
func copied() []string { return []string{backends.QueueFile, backends.StoreFile} }

// present returns those of the names that are files in dir.
func present(dir string, names []string) (found []string, _ error) {
	for _, name := range names {
		_, err := os.Stat(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		found = append(found, name)
	}
	return found, nil
}

// open opens a SQLite file of ours; mode is ro or rw.
func open(path, mode string) (*sql.DB, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	file := (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: filepath.ToSlash(abs)}).EscapedPath()}).String()
	db, err := sql.Open("sqlite", file+"?mode="+mode+"&_pragma=busy_timeout(10000)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return db, nil
}

// copyInto writes a copy without free pages, of one state of the database, to a
// new file, and syncs it.
func copyInto(ctx context.Context, db *sql.DB, path string) error {
	if _, err := db.ExecContext(ctx, "VACUUM INTO ?", path); err != nil {
		return err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return err
	}
	return syncPath(path)
}

// syncPath syncs a file or a directory.
func syncPath(path string) error {
	mode := os.O_RDONLY
	if runtime.GOOS == "windows" { // it syncs what is open for writing, and no directories
		if info, err := os.Stat(path); err != nil || info.IsDir() {
			return err
		}
		mode = os.O_RDWR
	}
	f, err := os.OpenFile(path, mode, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// check returns what is wrong with a file.
func check(ctx context.Context, path string) error { return checkAs(ctx, filepath.Base(path), path) }

// checkAs returns what is wrong with a file that is going to have a name.
func checkAs(ctx context.Context, name, path string) error {
	if name == backends.QueueFile {
		_, err := riverqueue.Check(ctx, path)
		return err
	}
	return sqlitestore.Check(ctx, path)
}

// sizeOf returns the size of a file and its log, in bytes.
func sizeOf(path string) (size int64) {
	for _, suffix := range []string{"", "-wal"} {
		if info, err := os.Stat(path + suffix); err == nil {
			size += info.Size()
		}
	}
	return size
}

func named(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", name, err)
}
