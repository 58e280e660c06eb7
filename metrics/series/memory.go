package series

const (
	// bucketBytes is what a bucket takes in a table, resultBytes in a Result.
	bucketBytes, resultBytes = 176, 128
	// columnBytes is what a column takes, with its name and its entry of a map.
	columnBytes = 256
	// matchBytes is what a group of the daily metrics takes beside its name, and
	// the values that it becomes.
	matchBytes = 192
	// requireStep is how much a result grows between two calls of
	// Source.Require.
	requireStep = 1 << 20
)

// checkSize returns an error if the table is too large. Errors:
// ErrTooManyBuckets, those of Source.Require.
func (t *table) checkSize() error {
	if t.used > MaxBuckets {
		return ErrTooManyBuckets
	}
	bytes := t.bytes()
	if t.require == nil || bytes < t.required+requireStep {
		return nil
	}
	t.required = bytes
	return t.require(bytes)
}

// bytes returns about how much memory the table takes.
func (t *table) bytes() int64 {
	n := bucketBytes*int64(t.used) + columnBytes*int64(len(t.columns)) + t.sketches
	if t.breakdown != nil {
		n += t.breakdown.bytes
	}
	return n
}

// requireResult asks for the memory of the Result, and of a copy of its buckets
// while Top is applied. Errors: those of Source.Require.
func (t *table) requireResult() error {
	if t.require == nil {
		return nil
	}
	copies := int64(1)
	if t.query.Top > 0 && !t.query.grouped() {
		copies = 2
	}
	return t.require(t.bytes() + copies*resultBytes*int64(t.used))
}
