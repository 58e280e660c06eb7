package ingest

import "strings"

// Every cell of a CSV file that a spreadsheet may see gets one more apostrophe if
// it might be calculated, and the Reader removes one. Apostrophes do not decide
// whether a cell might be, so what is removed is exactly what was added.

// cellEnds are the characters after which a spreadsheet may begin a cell, even in
// quotes. A comma in quotes is none, because the file is split at commas.
const cellEnds = ";\t|\r\n"

// isFormula reports whether a spreadsheet might calculate a cell that begins
// with s.
func isFormula(s string) bool {
	s = strings.TrimLeft(s, `'" `)
	if s == "" {
		return false
	}
	if s[0] < 0x80 {
		return strings.IndexByte("=+-@\t\r", s[0]) >= 0
	}
	for _, sign := range []string{"＝", "＋", "－", "＠"} {
		if strings.HasPrefix(s, sign) {
			return true
		}
	}
	return false
}

// protect adds an apostrophe before each cell of a value that might be
// calculated.
func protect(s string) string {
	if !strings.ContainsAny(s, cellEnds) {
		if isFormula(s) {
			return "'" + s
		}
		return s
	}
	return eachCell(s, func(rest string) (added string, dropped int) {
		if isFormula(rest) {
			return "'", 0
		}
		return "", 0
	})
}

// unprotect removes what protect has added.
func unprotect(s string) string {
	if strings.IndexByte(s, '\'') < 0 {
		return s
	}
	return eachCell(s, func(rest string) (added string, dropped int) {
		if strings.HasPrefix(rest, "'") && isFormula(rest) {
			return "", 1
		}
		return "", 0
	})
}

// eachCell calls edit with the rest of s from each place where a cell may begin,
// and returns s with the changes.
func eachCell(s string, edit func(rest string) (added string, dropped int)) string {
	var b strings.Builder
	for s != "" {
		added, dropped := edit(s)
		b.WriteString(added)
		s = s[dropped:]
		end := strings.IndexAny(s, cellEnds) + 1
		if end == 0 {
			end = len(s)
		}
		b.WriteString(s[:end])
		s = s[end:]
	}
	return b.String()
}
