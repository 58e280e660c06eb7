package ingest

// SetChunk makes pieces of the input n bytes long, but for rows that need
// more.
func (r *Reader) SetChunk(n int) { r.chunk, r.maxChunk = n, n }

// ParseTime and Names of the columns that a RepairWriter adds.
var (
	ParseTime   = parseTime
	RepairNames = repairNames
)
