package oracle

import (
	"bytes"
	"regexp"
)

var (
	binaries = []string{
		"PK\x03\x04", "PK\x05\x06", "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "\x1f\x8b", "\x28\xb5\x2f\xfd", "BZh", "\xfd7zXZ\x00",
		"7z\xbc\xaf\x27\x1c", "%PDF-", "\x89PNG\r\n", "\xff\xd8\xff", "PAR1", "Obj\x01", "SQLite format 3\x00",
	}
	markup = regexp.MustCompile(`(?i)^\x{feff}?[ \t\r\n]*(<!doctype html|<html|<\?xml|\[[ \t\r\n]*[{\[])`)
	object = regexp.MustCompile(`^\x{feff}?[ \t\r\n]*\{[ \t\r\n]*"`)
)

// otherFormat reports whether an input begins as files of another format do.
func otherFormat(input []byte, ndjson bool) bool {
	for _, b := range binaries {
		if bytes.HasPrefix(input, []byte(b)) {
			return true
		}
	}
	return markup.Match(input) || !ndjson && object.Match(input)
}
