package datadir

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/backends"
)

// Restore copies a backup, made by [Backup] into the directory from, to the data
// directory dir, which must have no data. It returns the names of the files.
func Restore(ctx context.Context, from, dir string) ([]string, error) {
	names, err := present(from, copied())
	if err != nil {
		return nil, err
	}
	return restore(ctx, dir, func(temp string) error {
		for _, name := range names {
			f, err := os.Open(filepath.Join(from, name))
			if err != nil {
				return err
			}
			if err := errors.Join(writeFile(filepath.Join(temp, name), f), f.Close()); err != nil {
				return named(name, err)
			}
		}
		return nil
	})
}

// RestoreStream is Restore from the archive that [Stream] wrote.
func RestoreStream(ctx context.Context, r io.Reader, dir string) ([]string, error) {
	return restore(ctx, dir, func(temp string) error {
		for archive := tar.NewReader(r); ; {
			header, err := archive.Next()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return fmt.Errorf("read the archive: %w", err)
			}
			if !slices.Contains(copied(), header.Name) {
				return fmt.Errorf("the archive has a file %.40q: it is not a backup", header.Name)
			}
			if err := writeFile(filepath.Join(temp, header.Name), archive); err != nil {
				return named(header.Name, err)
			}
		}
	})
}

// restore fills a temporary directory in dir, checks the files, and moves them.
// The store comes last, so that a restore that was killed leaves a queue without
// its store, which the server refuses, and no store that takes uploads.
func restore(ctx context.Context, dir string, fill func(temp string) error) (names []string, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create DATA_DIR: %w", err)
	}
	lock, err := backends.Lock(dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	old, err := present(dir, copied())
	if err == nil && len(old) > 0 {
		err = fmt.Errorf("DATA_DIR %q has data (%s): restore into a new directory, and then set DATA_DIR to it", dir, old[0])
	}
	if err != nil {
		return nil, err
	}
	temp, err := os.MkdirTemp(dir, ".restore-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	if err := fill(temp); err != nil {
		return nil, err
	}
	return moveAll(ctx, temp, dir)
}

func moveAll(ctx context.Context, temp, dir string) ([]string, error) {
	names, err := present(temp, copied())
	if err != nil {
		return nil, err
	}
	if !slices.Contains(names, backends.StoreFile) {
		return nil, fmt.Errorf("the backup has no %s", backends.StoreFile)
	}
	for _, name := range names {
		if err := check(ctx, filepath.Join(temp, name)); err != nil {
			return nil, named(name, err)
		}
	}
	for _, name := range names {
		if err := os.Rename(filepath.Join(temp, name), filepath.Join(dir, name)); err != nil {
			return nil, err
		}
	}
	return names, syncPath(dir)
}

func writeFile(path string, r io.Reader) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Sync(), f.Close())
}
