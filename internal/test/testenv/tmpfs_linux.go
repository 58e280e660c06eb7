package testenv

import (
	"fmt"
	"syscall"
	"testing"
)

// Tmpfs returns the path of an empty file system of a size in bytes, which the
// end of the test unmounts. It needs to be root on Linux.
func Tmpfs(t testing.TB, size int64) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", size)); err != nil {
		missing(t, fmt.Errorf("testenv: mount a small file system: %w: %w", err, ErrMissing))
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return dir
}
