package ingest

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ColumnName returns the one name of a column that may be spelled in several
// ways: in lower case, without white space around it and without characters that
// have no width, and with a space for white space of any kind. Events, rejected
// rows and repair files have columns under this name, also those that no schema
// knows. Names that look the same are the same.
func ColumnName(s string) string {
	if isPlainName(s) {
		return s
	}
	return strings.Map(func(c rune) rune {
		switch {
		case unicode.IsSpace(c):
			return ' '
		case isInvisible(c):
			return -1
		}
		return foldCase(c)
	}, trim(s))
}

// isPlainName reports whether s is a column name in ASCII.
func isPlainName(s string) bool {
	if s == "" || isSpace(s[0]) || isSpace(s[len(s)-1]) {
		return s == ""
	}
	for i := range len(s) {
		if c := s[i]; c >= utf8.RuneSelf || c-'A' <= 'Z'-'A' || isSpace(c) && c != ' ' {
			return false
		}
	}
	return true
}

// foldCase returns the lower case of a character that has several cases. All of
// them give the same, as in [strings.EqualFold].
func foldCase(c rune) rune {
	least := c
	for next := unicode.SimpleFold(c); next != c; next = unicode.SimpleFold(next) {
		least = min(least, next)
	}
	if unicode.SimpleFold(c) == c {
		return c
	}
	return unicode.ToLower(least)
}

// ColumnNames returns the [ColumnName] of each of several columns; nil for nil.
func ColumnNames(names []string) []string {
	names = slices.Clone(names)
	for i := range names {
		names[i] = ColumnName(names[i])
	}
	return names
}

// isNamed reports whether a text in a file is a spelling of a column name. Most
// are not, which their first characters tell.
func isNamed(text, name string) bool {
	for i := range len(text) {
		c := text[i]
		if c-'A' <= 'Z'-'A' {
			c |= 0x20
		}
		if c <= ' ' || c >= utf8.RuneSelf || i < len(name) && name[i] >= utf8.RuneSelf {
			return ColumnName(text) == name
		}
		if i >= len(name) || c != name[i] {
			return false
		}
	}
	return len(text) == len(name)
}

// indexName returns the place of a column among texts of a file, or -1.
func indexName(texts []string, name string) int {
	return slices.IndexFunc(texts, func(text string) bool { return isNamed(text, name) })
}
