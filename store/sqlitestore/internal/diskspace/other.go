//go:build !linux && !darwin

package diskspace

// Of returns ErrUnknown.
func Of(string) (free, total int64, err error) { return 0, 0, ErrUnknown }
