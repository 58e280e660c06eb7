//go:build !linux

package testenv

import (
	"fmt"
	"testing"
)

// Tmpfs skips the test: only Linux mounts a file system in memory.
func Tmpfs(t testing.TB, _ int64) string {
	t.Helper()
	missing(t, fmt.Errorf("testenv: mount a small file system: %w", ErrMissing))
	return ""
}
