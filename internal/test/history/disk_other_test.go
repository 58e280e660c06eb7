//go:build !linux

package history_test

import "testing"

// disk is a directory, which is never full here.
type disk struct {
	dir   string
	small bool
}

func ownMounts() (code int, done bool) { return 0, false }

func smallDisk(t *testing.T) *disk { return &disk{dir: t.TempDir()} }

func (d *disk) fill(int64) error { return nil }

func (d *disk) empty() error { return nil }
