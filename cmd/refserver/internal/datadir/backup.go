package datadir

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Backup copies the files of the data directory dir to another directory, which
// it creates and which must be empty. A server may be running: the copies are of
// one moment each, and consistent with each other. Each copy is checked. It
// returns the names of the files.
func Backup(ctx context.Context, dir, to string) ([]string, error) {
	if err := newDirectory(to); err != nil {
		return nil, err
	}
	names, err := present(dir, copied())
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("DATA_DIR %q has no data to back up", dir)
	}
	for _, name := range names {
		if err := backupFile(ctx, filepath.Join(dir, name), filepath.Join(to, name)); err != nil {
			return nil, named(name, err)
		}
	}
	return names, syncPath(to)
}

// newDirectory creates a directory, or returns nil if it is there and empty.
func newDirectory(path string) error {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return err
	}
	entries, err := os.ReadDir(path)
	if err == nil && len(entries) > 0 {
		err = fmt.Errorf("%q is not empty: name a new directory", path)
	}
	return err
}

func backupFile(ctx context.Context, from, to string) error {
	db, err := open(from, "ro")
	if err != nil {
		return err
	}
	if err := errors.Join(copyInto(ctx, db, to), db.Close()); err != nil {
		_ = os.Remove(to)
		return err
	}
	return check(ctx, to)
}

// Stream writes a backup as a tar archive. The copies are in a temporary
// directory until they are written.
func Stream(ctx context.Context, dir string, w io.Writer) (err error) {
	temp, err := os.MkdirTemp("", "eventmetrics-backup-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	names, err := Backup(ctx, dir, temp)
	if err != nil {
		return err
	}
	archive := tar.NewWriter(w)
	for _, name := range names {
		if err := addFile(archive, temp, name); err != nil {
			return named(name, err)
		}
	}
	return archive.Close()
}

func addFile(archive *tar.Writer, dir, name string) error {
	f, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // it was only read
	info, err := f.Stat()
	if err != nil {
		return err
	}
	header := &tar.Header{Name: name, Mode: 0o600, Size: info.Size(), ModTime: info.ModTime()}
	if err := archive.WriteHeader(header); err != nil {
		return err
	}
	_, err = io.Copy(archive, f)
	return err
}
