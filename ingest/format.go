package ingest

import (
	"bytes"
	"fmt"
)

// FormatError means that an input is of another format than CSV and NDJSON.
type FormatError struct {
	// Format is one of xlsx, xls, ods, zip, gzip, zstd, bzip2, xz, 7z, pdf, png,
	// jpeg, parquet, avro, sqlite, html, xml, json and ndjson.
	Format string
	// Hint says what it is and what to do, as a sentence.
	Hint string
}

// Error names the format and what to do.
func (e *FormatError) Error() string { return "ingest: " + e.Hint }

const (
	saveAsCSV = "; save it as CSV UTF-8 and upload that file"
	unpack    = "; unpack it and upload the CSV file in it"
	export    = "; export the rows as CSV and upload that file"
)

// signatures are the first bytes of known formats. Those of a ZIP archive are
// told apart by what is in it.
var signatures = []struct{ magic, format, hint string }{
	{"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", "xls", "this is an old Excel workbook" + saveAsCSV},
	{"\x1F\x8B", "gzip", "this is compressed with gzip; send it with Content-Encoding: gzip, or unpack it"},
	{"\x28\xB5\x2F\xFD", "zstd", "this is compressed with zstd; send it with Content-Encoding: zstd, or unpack it"},
	{"BZh", "bzip2", "this is compressed with bzip2" + unpack},
	{"\xFD7zXZ\x00", "xz", "this is compressed with xz" + unpack},
	{"7z\xBC\xAF\x27\x1C", "7z", "this is a 7-Zip archive" + unpack},
	{"%PDF-", "pdf", "this is a PDF document" + export},
	{"\x89PNG\r\n", "png", "this is a PNG image" + export},
	{"\xFF\xD8\xFF", "jpeg", "this is a JPEG image" + export},
	{"PAR1", "parquet", "this is a Parquet file" + export},
	{"Obj\x01", "avro", "this is an Avro file" + export},
	{"SQLite format 3\x00", "sqlite", "this is an SQLite database" + export},
}

// archives are what a ZIP archive has in its beginning.
var archives = []struct{ entry, format, hint string }{
	{"mimetypeapplication/vnd.oasis.opendocument.spreadsheet", "ods", "this is an OpenDocument spreadsheet" + saveAsCSV},
	{"[Content_Types].xml", "xlsx", "this is an Excel workbook" + saveAsCSV},
	{"xl/", "xlsx", "this is an Excel workbook" + saveAsCSV},
	{"", "zip", "this is a ZIP archive" + unpack},
}

// otherFormat returns an error if the first bytes of an input are those of
// another format than the one that is expected.
func otherFormat(head []byte, format Format) error {
	for _, s := range signatures {
		if bytes.HasPrefix(head, []byte(s.magic)) {
			return &FormatError{s.format, s.hint}
		}
	}
	if bytes.HasPrefix(head, []byte("PK\x03\x04")) || bytes.HasPrefix(head, []byte("PK\x05\x06")) {
		for _, a := range archives {
			if bytes.Contains(head, []byte(a.entry)) {
				return &FormatError{a.format, a.hint}
			}
		}
	}
	return otherText(head, format)
}

// otherText tells texts of other formats by how they begin.
func otherText(head []byte, format Format) error {
	text := bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xEF\xBB\xBF")), " \t\r\n")
	begins := func(s string) bool { return len(text) >= len(s) && bytes.EqualFold(text[:len(s)], []byte(s)) }
	inner := byte(0)
	if len(text) > 1 {
		if rest := bytes.TrimLeft(text[1:], " \t\r\n"); len(rest) > 0 {
			inner = rest[0]
		}
	}
	switch {
	case begins("<!doctype html"), begins("<html"):
		return &FormatError{"html", "this is a web page, perhaps an error or a sign-in page that was saved in place of the file"}
	case begins("<?xml"):
		return &FormatError{"xml", "this is XML" + export}
	case begins("[") && (inner == '{' || inner == '['):
		return &FormatError{"json", "this is one JSON array; write one object on each line (NDJSON), without brackets and commas between them"}
	case begins("{") && inner == '"' && format == CSV:
		return &FormatError{"ndjson", fmt.Sprintf("this is JSON; one object on each line is read as NDJSON, with the content type %s", "application/x-ndjson")}
	}
	return nil
}
