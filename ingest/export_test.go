package ingest

import "time"

// SetChunk makes pieces of the input n bytes long, but for rows that need
// more.
func (r *Reader) SetChunk(n int) { r.chunk, r.maxChunk = n, n }

// ParseTime and Names of the columns that a RepairWriter adds.
var (
	ParseTime   = parseTime
	RepairNames = repairNames
)

// TimeOf returns the time of what ParseTime returned.
func TimeOf(t instant) time.Time { return t.time() }
