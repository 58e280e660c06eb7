// Package ingest turns bytes into events: it finds the dialect of a CSV file,
// maps its columns, checks every row, and reports which rows it rejected and
// why. It also reads NDJSON.
//
// A [Reader] streams. Its memory is bounded by [Limits] whatever the input is,
// and what it yields does not depend on how the input arrives in pieces. It
// stores nothing, starts no goroutine, and writes no log. [Reader.ReadAs] says
// how a file was understood, [Reader.Warnings] what is legal but suspicious.
//
// # Dialect
//
// The delimiter is the one of comma, semicolon, tab and vertical bar with
// which the header has the columns of the [Schema], or the one that a first
// line such as "sep=;" names. Lines end in LF or CRLF, or in CR when the first
// 4 KiB have no LF. The text is UTF-8, or UTF-16 that begins with a byte order
// mark or looks like it, or what [Options].Encoding says. Quotes are those of
// RFC 4180; CRLF inside quotes is read as LF. A row with fewer fields than the
// header has empty values for the rest; one empty field too many is ignored.
//
// These are no rows, and are skipped: lines without any value, blank or with
// delimiters only; up to 20 lines before the header, such as a title or a
// comment; the header when it is repeated.
//
// Extra columns of one name become note and note_2. An input of another format,
// such as a workbook or a PDF, is refused with a [FormatError].
//
// A row whose quotes are wrong, or that is too long, is rejected, and reading
// goes on after its first line. A quoted value whose second or a later line is
// a row by itself (as many fields as the header, a type and a time) was opened
// by a stray quote: that row is rejected, and the lines in it are read. So a
// stray quote costs its own line, never the rows that follow.
//
// # Values
//
// A value does not include white space and characters without width at its
// ends, those of Unicode too. \N is a missing value; as an event id, null, nil,
// NaN, none, N/A and #N/A are too, in any case.
//
// # Time stamps
//
// These forms are read:
//
//	2006-01-02T15:04:05Z      2006-01-02 15:04:05.999 +01:00
//	2006/1/2 3:04 PM          2006-01-02 15:04   2006-01-02
//	20060102   200601021504   20060102150405
//	1762592400   1762592400000   1762592400000000   (Unix time)
//
// The parts of a date are separated by hyphens, slashes or points; month, day
// and hour may have one digit. T may be t or spaces. Seconds may be absent; a
// fraction of a second follows a point or comma, and nine of its digits count.
// AM or PM may follow. A zone is Z, UTC, GMT, +01:00, +0100 or +01, after
// spaces or none; the name of a zone in brackets may follow an offset, and does
// not count. Other names of zones are refused, since EST has several meanings.
//
// A number is told by its digits: 9 or 10 are Unix time in seconds, 13 in
// milliseconds, 16 in microseconds, 19 in nanoseconds; 8, 12 and 14 are a date
// if they are on the calendar. All other numbers are no time. A fraction is
// read; an exponent only in NDJSON, since a spreadsheet rounds. A file has one
// unit of Unix time, that of the first row that has one.
//
// A time without zone is in [Options].Zone. A time that the clocks of that zone
// show twice is the earlier moment; a time that they skip is moved forward by
// as much as they skip. A day that is not on the calendar, hour 24 and second
// 60 are no times.
//
// These are read too, with a time of day and zone as above:
//
//	31/12/2025   31.12.2025 09:30   12-31-2025T09:30:15.5
//
// Whether the day or the month comes first is found in the file: a number above
// 12 in any row that has its fields tells, in rejected rows too. When the first
// date that may be read in two ways comes before one that tells, up to 4 MiB
// from there on are searched for one before any later row is read; these stay
// in memory until they are read. If there is none, or if the file has dates of
// both orders, reading ends with an [AmbiguousTimeError], and [Options].DateOrder
// must say what is meant. With it, a date of the other order is no time.
//
// # NDJSON
//
// Each line is one JSON object. Numbers keep their digits. An object or array
// is left out, and rejected where the schema needs a value; so is a line with
// one name twice, or with half a surrogate pair.
//
// # Repair files
//
// A [RepairWriter] writes rejected rows as CSV: their columns, and _row, _line,
// _column, _code and _message. A Reader knows such a file by these names and
// leaves them out, so that people can fix the rows and send the file again.
package ingest
