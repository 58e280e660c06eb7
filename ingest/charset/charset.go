// Package charset decodes files that are not UTF-8, for package ingest.
package charset

import (
	"fmt"
	"io"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"

	"github.com/eventmetrics/eventmetrics/ingest"
)

// charset is an encoding with the names that it has.
type charset struct {
	names    []string // in lower case; the first is its own
	encoding encoding.Encoding
}

func charsets() []charset {
	return []charset{
		{[]string{"utf-8", "utf8", "us-ascii", "ascii"}, nil},
		{[]string{"utf-16", "utf16"}, unicode.UTF16(unicode.LittleEndian, unicode.UseBOM)},
		{[]string{"utf-16le"}, unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)},
		{[]string{"utf-16be"}, unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)},
		{[]string{"windows-1252", "cp1252", "ansi"}, charmap.Windows1252},
		{[]string{"iso-8859-1", "latin1", "latin-1", "iso8859-1"}, charmap.ISO8859_1},
		{[]string{"iso-8859-15", "latin9", "latin-9", "iso8859-15"}, charmap.ISO8859_15},
		{[]string{"shift_jis", "shift-jis", "sjis", "cp932", "windows-31j"}, japanese.ShiftJIS},
		{[]string{"gbk", "gb2312", "cp936"}, simplifiedchinese.GBK},
		{[]string{"gb18030"}, simplifiedchinese.GB18030},
	}
}

// UnknownError means that no encoding has a name.
type UnknownError struct{ Name string }

// Error lists the names that there are.
func (e *UnknownError) Error() string {
	return fmt.Sprintf("charset: unknown encoding %.40q; known are %s", e.Name, strings.Join(Names(), ", "))
}

// Names returns the name of each encoding that Lookup knows.
func Names() []string {
	var names []string
	for _, c := range charsets() {
		names = append(names, c.names[0])
	}
	return names
}

// Lookup returns the encoding of a name, in any case; "" is the zero Encoding,
// which finds UTF-8 and UTF-16 out. Errors: *UnknownError.
func Lookup(name string) (ingest.Encoding, error) {
	if name == "" {
		return ingest.Encoding{}, nil
	}
	for _, c := range charsets() {
		for _, n := range c.names {
			if strings.EqualFold(n, name) {
				return c.ingest(), nil
			}
		}
	}
	return ingest.Encoding{}, &UnknownError{name}
}

func (c *charset) ingest() ingest.Encoding {
	e := ingest.Encoding{Name: c.names[0]}
	if c.encoding != nil {
		e.Decode = func(r io.Reader) io.Reader { return c.encoding.NewDecoder().Reader(r) }
	}
	return e
}
