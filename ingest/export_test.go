package ingest

import "time"

// SetChunk makes pieces of the input n bytes long, but for rows that need
// more.
func (r *Reader) SetChunk(n int) { r.chunk, r.maxChunk = n, n }

// NoQuick sends every row through the general path.
func (r *Reader) NoQuick() {
	if r.start() == nil {
		r.ends = nil
	}
}

// The parsers of times.
var (
	ParseTime = parseTime
	ParseUTC  = parseUTC
)

// TimeOf returns the time of what ParseTime returned.
func TimeOf(t instant) time.Time { return t.time() }
