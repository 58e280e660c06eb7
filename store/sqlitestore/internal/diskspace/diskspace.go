// Package diskspace asks the operating system how much room a file system has.
package diskspace

import "errors"

// ErrUnknown means that this operating system cannot be asked.
var ErrUnknown = errors.New("diskspace: not known on this system")

// DefaultReserve is the free space that uploads leave to everything else, on a
// file system that is not small.
const DefaultReserve = 64 << 20

// Reserve returns the free space in bytes that uploads leave on a file system of
// a size: DefaultReserve, or an eighth of a small one.
func Reserve(total int64) int64 { return min(DefaultReserve, total/8) }
