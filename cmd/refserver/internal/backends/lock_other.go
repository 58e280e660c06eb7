//go:build !unix

package backends

import "io"

// Lock does nothing on systems without flock. There, a second server on the
// same DATA_DIR is not detected.
func Lock(string) (io.Closer, error) { return io.NopCloser(nil), nil }

// Locked reports false on systems without flock.
func Locked(string) (bool, error) { return false, nil }
