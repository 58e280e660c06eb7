package ingest

import "time"

// SetChunk makes pieces of the input n bytes long, but for rows that need
// more.
func (r *Reader) SetChunk(n int) { r.chunk, r.maxChunk = n, n }

// NoQuick sends every row through the general path.
func (r *Reader) NoQuick() {
	if r.start() == nil {
		r.spans = nil
	}
}

// ParseTime is the parser of all forms but dates with numbers.
func ParseTime(s string, location *time.Location) (instant, string) {
	z := newZone(location)
	t, wrong := parseTime(s, &z)
	return t.instant, wrong
}

// ParseUTC is the quick parser, which has met some months before.
func ParseUTC(s string) (instant, bool) {
	var months [16]month
	parseUTC("2025-02-01T00:00:00Z", &months)
	parseUTC("1999-11-01T00:00:00Z", &months)
	return parseUTC(s, &months)
}

// TimeOf returns the time of what ParseTime returned.
func TimeOf(t instant) time.Time { return t.time() }
