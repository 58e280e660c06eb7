package rollup

import (
	"errors"
	"fmt"

	"github.com/eventmetrics/eventmetrics/store/mongostore/internal/checksum"
)

// lostTries is how often in a row the same document must be missing before it is
// taken for lost.
const lostTries = 3

// lostError is an errMoved: a document is missing that another one names. Mostly
// that one has been replaced since it was read.
type lostError struct{ key string }

func (e *lostError) Error() string { return fmt.Sprintf("document %q is missing", e.key) }

func (e *lostError) Unwrap() error { return errMoved }

// losses tells what is lost from what has moved.
type losses struct {
	key string
	n   int
}

// count returns metrics.ErrCorrupt in place of a lostError that it has got
// lostTries times in a row, and other errors as they are.
func (l *losses) count(err error) error {
	var lost *lostError
	if !errors.As(err, &lost) {
		l.n = 0
		return err
	}
	if lost.key != l.key {
		l.key, l.n = lost.key, 0
	}
	if l.n++; l.n < lostTries {
		return err
	}
	return checksum.Corrupt("%s", lost.Error())
}
