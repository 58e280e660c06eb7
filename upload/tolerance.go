package upload

import (
	"errors"
	"fmt"

	"github.com/eventmetrics/eventmetrics/ingest"
)

// Tolerance says how many rejected rows make Upload refuse the whole file. The
// zero value accepts any number, as long as one row is valid. If several limits
// are set, each of them holds.
type Tolerance struct {
	// Strict refuses the file if any row is rejected. The file is read to its
	// end nevertheless, so that the error lists all rows to be corrected.
	Strict bool
	// MaxErrors is the greatest number of rejected rows. Reading stops at the
	// first row above it. 0 means any number, less than 0 none.
	MaxErrors int64
	// MaxErrorRatio is the greatest share of rejected rows among all, from 0 to
	// 1, compared at the end of the file. 0 means any share, less than 0 none.
	MaxErrorRatio float64
}

// ToleranceError means that more rows of a file were rejected than its Tolerance
// allows. Nothing was stored.
type ToleranceError struct {
	// Limit is the limit that was exceeded: "strict", "max_errors" or
	// "max_error_ratio".
	Limit string
	// Value is its value; 0 for strict.
	Value float64
	// Rows is the number of rows that were read, Rejected the number of rejected
	// ones among them.
	Rows, Rejected int64
	// Stopped means that the file has more rows, which were not read.
	Stopped bool
	// Errors are the first rejected rows, at most Options.MaxErrors.
	Errors []ingest.RowError
	// ReadAs says how the file was understood.
	ReadAs ingest.ReadAs
}

// Error counts the rows and names the limit.
func (e *ToleranceError) Error() string {
	head := fmt.Sprintf("eventmetrics: %d of %d rows rejected", e.Rejected, e.Rows)
	if e.Stopped {
		head = fmt.Sprintf("eventmetrics: %d of the first %d rows rejected", e.Rejected, e.Rows)
	}
	if e.Limit == limitStrict {
		return head + ", none may be (strict)"
	}
	return fmt.Sprintf("%s, more than %s=%v", head, e.Limit, e.Value)
}

const (
	limitStrict = "strict"
	limitCount  = "max_errors"
	limitRatio  = "max_error_ratio"
)

// errStopped ends the reading of a file that is refused already.
var errStopped = errors.New("eventmetrics: too many rejected rows")

// exceeded reports whether so many rejected rows are too many, whatever follows.
func (t *Tolerance) exceeded(failed int64) bool {
	return t.MaxErrors != 0 && failed > max(t.MaxErrors, 0)
}

// crossed returns the limit that a whole file exceeds, and its value, or "".
func (t *Tolerance) crossed(rows, failed int64) (limit string, value float64) {
	ratio := max(t.MaxErrorRatio, 0)
	switch {
	case failed == 0:
		return "", 0
	case t.exceeded(failed):
		return limitCount, float64(max(t.MaxErrors, 0))
	case t.Strict:
		return limitStrict, 0
	case t.MaxErrorRatio != 0 && float64(failed)/float64(rows) > ratio:
		return limitRatio, ratio
	}
	return "", 0
}
