// Package ingest turns bytes into events: it finds out the dialect of a CSV
// file, maps its columns, checks every row, and tells which rows it rejected
// and why. It also reads NDJSON.
//
// A [Reader] streams. Its memory is bounded by [Limits] whatever the input is,
// and what it yields does not depend on how the input arrives in pieces. It
// stores nothing, starts no goroutine, and writes no log.
//
// # Dialect
//
// The delimiter is the one of comma, semicolon, tab and vertical bar with
// which the header has the columns of the [Schema]. Lines end in LF or CRLF, or
// in CR when the first 4 KiB have no LF. The text is UTF-8, or UTF-16 that
// begins with a byte order mark or looks like it. Quotes are those of RFC
// 4180: what encoding/csv accepts has the same fields here, including CRLF
// inside quotes, which is read as LF. Lines that are empty or only white space
// are skipped and not counted. A row with fewer fields than the header has
// empty values for the rest.
//
// A row whose quotes are wrong, or that is too long, is rejected, and reading
// goes on behind its first line. So one stray quote costs one row, never the
// rest of the file.
//
// # Time stamps
//
// These forms are read, where T may be t or a space, Z may be z, and a
// fraction of a second has any number of digits behind a point or comma, of
// which nine count:
//
//	2006-01-02T15:04:05Z      2006-01-02T15:04:05.999+01:00
//	2006-01-02 15:04:05.999   2006-01-02 15:04   2006-01-02
//	1762592400   1762592400.5   1762592400000   (Unix time)
//
// An offset is +01:00, +0100 or +01. A time without zone is in
// [Options].Zone; when the clocks of the zone skip or repeat it, it is what
// [time.Date] makes of it. A Unix time counts seconds below 10^11,
// milliseconds below 10^14, microseconds below 10^17, else nanoseconds. A day
// that is not on the calendar, hour 24 and second 60 are no times.
//
// These are read too, with a day and month of one or two digits, a slash, point
// or hyphen between them, and the time of day and zone in any form from above:
//
//	31/12/2025   31.12.2025 09:30   12-31-2025T09:30:15.5
//
// Whether the day or the month comes first is found out from the file: a
// number above 12 tells. When the first date that may be read in two ways comes
// before one that tells, up to 4 MiB from there on are searched for one before
// any row behind is read; these stay in memory until they are. If there is none,
// or if the file has dates of both orders, reading ends with an
// [AmbiguousTimeError], and [Options].DateOrder must say what is meant. With it,
// a date of the other order is no time.
//
// # Repair files
//
// A [RepairWriter] writes rejected rows as CSV: their columns, and _row, _line,
// _column, _code and _message. A Reader knows such a file by these names and
// leaves them out, so that people can mend the rows and send the file again.
package ingest
