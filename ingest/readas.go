package ingest

// ReadAs says how an input was understood.
type ReadAs struct {
	// Format is csv or ndjson.
	Format string
	// Delimiter is that of a CSV file.
	Delimiter string
	// Encoding is utf-8, utf-16, or the name of Options.Encoding.
	Encoding string
	// DateOrder is dmy or mdy if accepted rows have dates with the year last and
	// their order is known, else "".
	DateOrder string
	// TimeZone is the zone in which time stamps without one were read, or "" if
	// all have one.
	TimeZone string
	// TimeForms are the forms that time stamps of accepted rows have: iso_zoned,
	// iso_local, iso_date, numeric (03/04/2025), compact (20251108), unix_s,
	// unix_ms, unix_us and unix_ns, in this order.
	TimeForms []string
	// SkippedLines is the number of lines before the header, HeaderLine the
	// 1-based number of its line. Both are 0 for NDJSON.
	SkippedLines, HeaderLine int64
	// EncodingHint is the encoding that rejected values seem to have, or "": see
	// Reader.EncodingHint.
	EncodingHint string
}

// ReadAs returns how what was read so far was understood. It is the zero value
// before the first Read.
func (r *Reader) ReadAs() ReadAs {
	if r.cols == nil {
		return ReadAs{}
	}
	a := ReadAs{Format: "ndjson", Encoding: r.encoding, TimeForms: r.forms.names()}
	if r.opts.Format == CSV {
		a.Format, a.Delimiter = "csv", string(rune(r.delim))
		a.SkippedLines, a.HeaderLine = r.skipped, r.headerLine
	}
	if r.forms&numericForm != 0 && r.order != FindOrder {
		a.DateOrder = r.order.String()
	}
	a.EncodingHint = r.EncodingHint()
	if r.local {
		a.TimeZone = r.zone.location.String()
	}
	return a
}
