package queue

import (
	"errors"
	"fmt"
)

// ErrInvalidJob means that the kind, the id or the metadata of a job has not the
// allowed form.
var ErrInvalidJob = errors.New("queue: invalid job")

// Validate checks the form of the kind, the id and the metadata. Errors:
// ErrInvalidJob.
func (j Job) Validate() error {
	if len(j.Kind) < 2 || len(j.Kind) > 32 || !all(j.Kind, kindByte) {
		return fmt.Errorf("%w: kind %.40q", ErrInvalidJob, j.Kind)
	}
	if j.ID == "" || len(j.ID) > 128 || !all(j.ID, idByte) {
		return fmt.Errorf("%w: id %.40q", ErrInvalidJob, j.ID)
	}
	if len(j.Metadata) > MaxMetadata || !all(j.Metadata, metadataByte) {
		return fmt.Errorf("%w: metadata %.40q", ErrInvalidJob, j.Metadata)
	}
	return nil
}

func all(s string, ok func(byte) bool) bool {
	for i := range len(s) {
		if !ok(s[i]) {
			return false
		}
	}
	return true
}

func kindByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}

func idByte(c byte) bool { return c > ' ' && c <= '~' }

func metadataByte(c byte) bool { return c >= ' ' && c <= '~' }

// ParseKey splits a key of the form kind:id. Errors: ErrInvalidJob.
func ParseKey(key string) (Job, error) {
	for i := range len(key) {
		if key[i] == ':' {
			j := Job{Kind: key[:i], ID: key[i+1:]}
			return j, j.Validate()
		}
	}
	return Job{}, fmt.Errorf("%w: key %.40q", ErrInvalidJob, key)
}
