//go:build linux || darwin

package diskspace

import "syscall"

// Of returns the free bytes, those that a user other than root may take, and the
// size of the file system of a file or directory. Errors: ErrUnknown; those of
// the file system.
func Of(path string) (free, total int64, err error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(path, &s); err != nil {
		return 0, 0, err
	}
	size := int64(s.Bsize) //nolint:unconvert // the types differ by system
	return int64(s.Bavail) * size, int64(s.Blocks) * size, nil
}
