// Package ingest parses CSV and NDJSON into events. It detects the dialect of
// a CSV file, maps its columns, checks every row, and reports each rejected row
// with the reason.
//
// A [Reader] streams. Its memory is bounded by [Limits] for any input, and its
// result does not depend on how the input is split into reads. It stores
// nothing, starts no goroutine, and writes no log. [Reader.ReadAs] reports how
// a file was understood, and [Reader.Warnings] what is legal but suspicious.
//
// # Dialect
//
// The delimiter is a comma, semicolon, tab or vertical bar: the one with which
// the header has most of the required columns of the [Schema], or the one that
// a first line such as "sep=;" names, which may be another punctuation mark.
// Lines end in LF or CRLF, and those of CSV in CR when the first 4 KiB have no
// LF. The text is UTF-8 or UTF-16, or has the encoding
// of [Options].Encoding. UTF-16 is detected by its byte order mark or by the NUL
// bytes of ASCII. Quotes follow RFC 4180; CRLF inside quotes is read as LF.
// Fields that a row lacks at its end are empty; one extra empty field is
// ignored.
//
// Some lines are skipped because they are not rows: lines without any value,
// blank or with delimiters only; up to 20 lines before the header, such as a
// title, a comment or blank lines; and repetitions of the header.
//
// The header is the first line that has the names of all required columns. If
// it is wrong in another way, reading ends with a [HeaderError]; it is not
// skipped as a title. A later line that has all these names is a header too.
// If it differs from the first, reading ends with a HeaderError, because the
// rows after it may have other columns.
//
// A column has one name however a file spells it: see [ColumnName]. A header in
// which two columns have the name of one of the schema is refused. Other columns
// with one name become note and note_2. An input of another format, such as
// a workbook or a PDF, is refused with a [FormatError].
//
// A row with wrong quotes, or one that is too long, is rejected, and reading
// continues after its first line. A quote that does not close within
// [Limits].RowBytes is a wrong quote. If a later line of a quoted value is a row by
// itself (as many fields as the header, a type and a time), the value was opened
// by a stray quote: its row is rejected, and the lines in it are read as rows.
// So a stray quote costs its own line, not the rows after it.
//
// A row with several faults is rejected for the first of them in this order: its
// quotes, its length, its number of fields; text that is too long or has a bad
// encoding; missing values; the time stamp; Limits.Rows; the rules;
// Options.Accept. Of several columns with the same fault, the first in the file
// counts, but of missing values in NDJSON the first in [Schema.Columns].
//
// # Values
//
// White space and characters without width are removed from both ends of a
// value, also those of Unicode: no-break and ideographic spaces, soft hyphens,
// zero-width spaces and joiners, marks of direction, byte order marks. \N is a missing value; so are null, nil, NaN,
// none, N/A and #N/A, in any case, as an event id.
//
// # Time stamps
//
// These forms are accepted:
//
//	2006-01-02T15:04:05Z      2006-01-02 15:04:05.999 +01:00
//	2006/1/2 3:04 PM          2006-01-02 15:04   2006-01-02
//	20060102   200601021504   20060102150405
//	1762592400   1762592400000   1762592400000000   (Unix time)
//
// The parts of a date are separated by hyphens, slashes or points; month, day
// and hour may have one digit. T may be t or spaces. Seconds may be absent; a
// fraction of a second follows a point or comma; digits after the ninth are
// ignored. AM or PM may follow. A zone is Z, UTC, GMT, +01:00, +0100 or +01, with or
// without spaces before it. The name of a zone in brackets may directly follow
// it and is ignored. Other names of zones are rejected, because a name such as EST
// has several meanings.
//
// The number of digits decides what a number is: 9 or 10 are Unix time in
// seconds, 13 in milliseconds, 16 in microseconds, 19 in nanoseconds; 8, 12 and
// 14 are a date if it is on the calendar. Other numbers are rejected. A fraction
// is accepted, an exponent only in NDJSON, because a spreadsheet rounds. A file
// has one unit of Unix time: that of the first row whose Unix time lies between
// Options.Earliest and Latest and which lacks no value.
//
// A time without a zone is in [Options].Zone. A time that the clocks of the zone
// show twice is the earlier moment. A time that they skip is moved forward by
// the length of the gap. A day that is not on the calendar, hour 24 and second
// 60 are rejected.
//
// These forms are accepted too, with a time of day and zone as above:
//
//	31/12/2025   31.12.2025 09:30   12-31-2025T09:30:15.5
//
// Whether the day or the month comes first is detected: a number above 12 must
// be the day. Any row with at most as many fields as the header counts, rejected
// rows too, unless its quotes or its JSON are wrong or it is a line of NDJSON
// with a bad encoding. When an ambiguous date comes before the first such date, the Reader
// searches up to 4 MiB ahead for one and keeps that input in memory until its
// rows are read. If the search finds none, or if the file has dates in both
// orders, reading ends with an [AmbiguousTimeError], and [Options].DateOrder must
// select the order. Dates in the other order are then rejected.
//
// # NDJSON
//
// Each line is one JSON object. Numbers keep their digits. An object or array
// as a value is ignored, except in a column that the schema or a rule names:
// then the row is rejected. A line that has a name twice, an empty name or half
// a surrogate pair is rejected too, for the first of these faults in the line.
//
// # Repair files
//
// A [RepairWriter] writes rejected rows as CSV: their columns, and _row, _line,
// _column, _code and _message. A Reader recognizes such a file by these names
// and ignores those columns, so a user can correct the rows and upload the file
// again.
package ingest
