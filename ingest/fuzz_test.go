package ingest_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode"
	"unicode/utf8"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/metrics"
)

// Seeds of rows; every fuzz target begins with them.
var rowSeeds = []string{
	"a,2025-11-08T09:00:00Z,x,y\n",
	"a,2025-11-08T09:00:00Z,x,y\r\nb,1762592400,,\r\n",
	"a,2025-11-08,\"x \"\"y\"\"\nz\",\"\r\n\"\n",
	"a,2025-11-08,\"x\nb,2025-11-08,x,y\nc,2025-11-08,\"x\"y,z\n",
	"a,2025-11-08,x\"y,z\n\"a\",\"2025-11-08\"\n",
	"\n \n\t\n\r\n\r\r\na\r",
	"a,2025-11-08,1,2,3,4\na\n,,,\n\"\"\n\" \"",
	"é,2025-11-08,\xff,\x00\n\"\xc3",
	"\"\"\"\"\"\"\"\"\"\n\"\"\"\",\"\"\"\n",
	"a,2025-11-08,\"x\"\r\n\"a\r\r\nb\",\"c\"\rd\n\"a\"\r",
}

const fuzzHeader = "event_type,timestamp,x,y\n"

// rowsOf returns each row with its values and why it was rejected.
func rowsOf(t *testing.T, input string) []ingest.RowError {
	t.Helper()
	out := read(strings.NewReader(input), ingest.Options{
		Schema: ingest.Schema{Required: []string{}},
		Limits: ingest.Limits{FieldBytes: 1 << 20},
		Accept: func(*metrics.Event) error { return errors.New("no") },
	})
	if out.Err != nil {
		t.Fatal(out.Err)
	}
	return out.Rejected
}

// FuzzAgainstEncodingCSV checks that rows that encoding/csv takes have the same
// values here, and that the first one it refuses is refused here.
func FuzzAgainstEncodingCSV(f *testing.F) {
	for _, s := range rowSeeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, rows string) {
		if len(rows) > 1<<16 {
			return
		}
		input := fuzzHeader + rows
		got := rowsOf(t, input)
		want := csv.NewReader(strings.NewReader(input))
		want.FieldsPerRecord = -1
		for row, before := -1, int64(0); ; {
			record, err := want.Read()
			if errors.Is(err, io.EOF) {
				if row != len(got) {
					t.Fatalf("got %d rows, want %d", len(got), row)
				}
				return
			}
			raw := input[before:want.InputOffset()]
			before = want.InputOffset()
			if err == nil && isEmptyRow(record, raw) {
				continue
			}
			if row++; row == 0 {
				continue
			}
			if row > len(got) {
				t.Fatalf("row %d is missing", row)
			}
			if err != nil {
				if got[row-1].Code != ingest.BadQuotes {
					t.Fatalf("row %d: got %v, want bad quotes: %v", row, got[row-1].Code, err)
				}
				return
			}
			if got[row-1].Code == ingest.BadQuotes && strings.Count(raw, "\n") > 1 {
				return // a quote that swallows rows: the law of TestQuotesThatSwallowRows
			}
			sameRow(t, record, &got[row-1])
		}
	})
}

// visible returns a value without what cannot be seen at its ends, and nothing
// for a value that is missing.
func visible(s string) string {
	const noWidth = "\u00ad\u180e\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2061\u2062\u2063\u2064\u2065\u2066\u2067\u2068\u2069\ufeff"
	s = strings.TrimFunc(s, func(c rune) bool { return unicode.IsSpace(c) || strings.ContainsRune(noWidth, c) })
	if s == `\N` {
		return ""
	}
	return s
}

// isEmptyRow reports whether a row has nothing that can be seen.
func isEmptyRow(record []string, raw string) bool {
	if strings.Trim(raw, ", \t\n\v\f\r") == "" {
		return true
	}
	if len(record) == 5 && visible(record[4]) == "" {
		record = record[:4]
	}
	return len(record) <= 4 && !slices.ContainsFunc(record, func(v string) bool { return v == `\N` || visible(v) != "" })
}

func sameRow(t *testing.T, record []string, got *ingest.RowError) {
	t.Helper()
	if len(record) == 5 && visible(record[4]) == "" {
		record = record[:4]
	}
	if len(record) > 4 {
		if got.Code != ingest.TooManyFields {
			t.Fatalf("row %d has %d fields and code %s", got.Row, len(record), got.Code)
		}
		return
	}
	for i, f := range got.Record {
		want := ""
		if i < len(record) {
			want = record[i]
		}
		if f.Value = visible(f.Value); f.Value != visible(want) {
			t.Fatalf("row %d column %s: got %q, want %q", got.Row, f.Name, f.Value, want)
		}
	}
}

// FuzzReader checks what holds for every input: its pieces do not matter, the
// quick path changes nothing, and every row is either an event or a rejected row.
func FuzzReader(f *testing.F) {
	for i, s := range rowSeeds {
		f.Add([]byte(fuzzHeader+s), uint8(i), false)
		f.Add([]byte(strings.ReplaceAll(fuzzHeader+s, "\n", "\r")), uint8(i), false)
		f.Add([]byte(`{"event_type":"a","timestamp":"2025-11-08","x":null}`+s), uint8(i), true)
	}
	f.Add([]byte(fuzzHeader+"\"a\",\"2025-11-08\",x,\"y\"\r\n\"b\",2025-11-08,\"\",\n"), uint8(9), false)
	f.Add([]byte("event_type,timestamp\r\"a\",\"2025-11-08\"\r\ra,\r"), uint8(9), false)
	f.Add([]byte("\xff\xfea\x00,\x00\x00\xd8\n\x00"), uint8(3), false)
	f.Add([]byte(fuzzHeader+"a,03/04/2025,x,y\nb,13/04/2025,,y\nc,04/13/2025,1,\n"), uint8(7), false)
	f.Add([]byte(fuzzHeader+"a,03/04/2025,x,\nb,13.4.2025 09:00, 7,y\n"), uint8(7), false)
	for _, row := range []string{"ä,2025-11-08T10:00:00Z,\u00a0x,y\u200b", "\xe4,2025-11-08,x,y", "ö,2025-11-08T10:00:00Z,\ufffd,", "a,2025-11-08T10:00:00Z,\x00,"} {
		f.Add([]byte(fuzzHeader+strings.Repeat(row+"\nü,2025-11-08T10:00:00Z,ß,é\n", 2)), uint8(5), false)
	}
	rules := []ingest.Rule{{Column: "x", Max: new(9.0)}, {Column: "y", Pattern: "[x-z]*", Warn: true}}
	f.Fuzz(func(t *testing.T, input []byte, chunk uint8, ndjson bool) {
		opts := ingest.Options{
			Schema: ingest.Schema{Required: []string{}, Rules: rules[:int(chunk)%3]},
			Limits: ingest.Limits{RowBytes: 60, FieldBytes: 40, Columns: 5, Rows: 6},
			Latest: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC),
		}
		if ndjson {
			opts.Format, opts.Limits.RowBytes = ingest.NDJSON, 80
		}
		want := read(bytes.NewReader(input), opts)
		for _, got := range []outcome{
			read(iotest.HalfReader(bytes.NewReader(input)), opts),
			readPieces(iotest.OneByteReader(bytes.NewReader(input)), opts, int(chunk)+1),
		} {
			if d := gocmp.Diff(want, got, gocmp.Comparer(sameError)); d != "" {
				t.Fatal(d)
			}
		}
		checkRows(t, want)
	})
}

func sameError(a, b error) bool {
	return a == nil && b == nil || a != nil && b != nil && a.Error() == b.Error()
}

func checkRows(t *testing.T, out outcome) {
	t.Helper()
	var rows []int64
	for i := range out.Events {
		if out.Events[i].Type == "" || !utf8.ValidString(line(&out.Events[i])) {
			t.Fatalf("bad event %q", line(&out.Events[i]))
		}
		rows = append(rows, out.Events[i].Row)
	}
	for _, e := range out.Rejected {
		if !slices.Contains(ingest.Codes(), e.Code) || !utf8.ValidString(e.Value) || len(e.Value) > 300 {
			t.Fatalf("bad row error %+v", e)
		}
		rows = append(rows, e.Row)
	}
	slices.Sort(rows)
	for i, row := range rows {
		if row != int64(i+1) {
			t.Fatalf("the rows are %d", rows)
		}
	}
}

// FuzzNDJSON checks objects against encoding/json.
func FuzzNDJSON(f *testing.F) {
	for _, s := range []string{
		`{"event_type":"a","timestamp":1762592400.5,"x":true,"y":null}`,
		`{"a":"\u00e9\n\"","b":-1.5e+3,"c":false}`,
		`{"a":1,"a":2}`, `{"a":{}}`, `{"a":01}`, `{"a":1,}`, `{} {}`, `{}`, `[]`, `{"a":"\ud800"}`, `{"":1}`, `{"a":tru}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "\n") || !utf8.ValidString(text) || strings.Trim(text, " \t\v\f\r") == "" ||
			strings.Contains(text, "\x00") || strings.HasPrefix(text, "\ufeff") || len(text) > 1<<16 {
			return
		}
		out := read(strings.NewReader(text), ingest.Options{
			Format: ingest.NDJSON,
			Schema: ingest.Schema{Required: []string{}},
			Limits: ingest.Limits{FieldBytes: 1 << 20, Columns: 1 << 16},
			Accept: func(*metrics.Event) error { return errors.New("no") },
		})
		if len(out.Rejected) != 1 {
			t.Fatalf("got %d rows", len(out.Rejected))
		}
		got := out.Rejected[0]
		var want map[string]any
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		if !json.Valid([]byte(text)) || d.Decode(&want) != nil || want == nil {
			if got.Code != ingest.BadJSON {
				t.Fatalf("encoding/json refuses %q, got %s", text, got.Code)
			}
			return
		}
		if got.Code == ingest.BadJSON || got.Code == ingest.BadEncoding {
			return // nested, or a name twice
		}
		if len(got.Record) != len(want) {
			t.Fatalf("got %d members, want %d", len(got.Record), len(want))
		}
		for name, v := range want {
			sameMember(t, name, v, got.Record)
		}
	})
}

func sameMember(t *testing.T, name string, value any, record []metrics.Field) {
	t.Helper()
	text := ""
	switch v := value.(type) {
	case string:
		text = v
	case bool:
		text = map[bool]string{true: "true", false: "false"}[v]
	case json.Number:
		text = v.String()
	}
	for _, f := range record {
		if strings.EqualFold(f.Name, strings.Trim(name, " \t\n\v\f\r")) && f.Value == text {
			return
		}
	}
	t.Fatalf("%q: %v is not in %v", name, value, record)
}

// FuzzParseTime checks times against package time.
func FuzzParseTime(f *testing.F) {
	for _, s := range []string{
		"2025-11-08T09:00:00Z", "2025-11-08T09:00:60Z", "2025-11-08T09:0/:00Z", "2025:11-08T09:00:00Z", "2024-02-29T23:59:59.999999999+05:30", "2025-02-29T00:00:00Z", "2025-11-08t09:00:00z",
		"2025-11-08 09:00", "2025-11-08", "0000-01-01", "9999-12-31T23:59:60Z", "1762592400", "1762592400123.5", "2025-11-08T09:00:00,5-0130",
	} {
		f.Add(s)
	}
	// Package time takes more, such as an hour of one digit.
	rfc3339 := regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`)
	utc := regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$`)
	f.Fuzz(func(t *testing.T, s string) {
		got, wrong := ingest.ParseTime(s, time.UTC)
		if _, err := time.Parse(time.RFC3339, s); err == nil && rfc3339.MatchString(s) && wrong != "" {
			t.Fatalf("%q %s, but is a time of RFC 3339", s, wrong)
		}
		// The quick parser takes all of its form and nothing else.
		quick, ok := ingest.ParseUTC(s)
		if ok && quick != got || ok != (wrong == "" && utc.MatchString(s)) {
			t.Fatalf("%q: got %v %s, quickly %v %v", s, got, wrong, quick, ok)
		}
		if wrong != "" || len(s) < 10 || s[4] != '-' {
			return
		}
		want, err := parseAny(s)
		if err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		if !want.Equal(ingest.TimeOf(got)) {
			t.Fatalf("%q: got %v, want %v", s, ingest.TimeOf(got), want)
		}
	})
}

// parseAny reads the forms of the package comment with package time.
func parseAny(s string) (time.Time, error) {
	s = strings.NewReplacer("t", "T", " ", "T", "z", "Z").Replace(s)
	var first error
	for _, layout := range []string{"2006-01-02", "2006-01-02T15:04", "2006-01-02T15:04:05"} {
		for _, zone := range []string{"", "Z07:00", "Z0700", "Z07"} {
			t, err := time.Parse(layout+zone, s)
			if err == nil {
				return t, nil
			}
			first = err
		}
	}
	return time.Time{}, first
}
