package ingest_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/ingest/charset"
	"github.com/eventmetrics/eventmetrics/internal/test/oracle"
	"github.com/eventmetrics/eventmetrics/metrics"
)

// asOracle translates options; defaults must be set.
func asOracle(opts *ingest.Options) *oracle.Options {
	o := &oracle.Options{
		NDJSON: opts.Format == ingest.NDJSON, Encoding: opts.Encoding.Name,
		EventType: opts.Schema.EventType, Time: opts.Schema.Time, EventID: opts.Schema.EventID, Required: opts.Schema.Required,
		Zone: opts.Zone, Earliest: opts.Earliest, Latest: opts.Latest,
		FieldBytes: opts.Limits.FieldBytes, Columns: opts.Limits.Columns, RowBytes: opts.Limits.RowBytes, Rows: opts.Limits.Rows,
	}
	if opts.DateOrder != ingest.FindOrder {
		o.Order = opts.DateOrder.String()
	}
	for i := range opts.Schema.Rules {
		r := &opts.Schema.Rules[i]
		o.Rules = append(o.Rules, oracle.Rule{
			Column: r.Column, Required: r.Required, Pattern: r.Pattern, Enum: r.Enum, Min: r.Min, Max: r.Max,
			MaxLength: r.MaxLength, Warn: r.Warn, Code: string(r.Code),
		})
	}
	return o
}

// readLikeOracle reads an input with a Reader, in pieces of the size given
// unless it is 0, and returns what it does in the words of the oracle.
func readLikeOracle(input []byte, opts ingest.Options, chunk int) *oracle.Result {
	got := &oracle.Result{}
	lines := map[int64]int64{}
	opts.Reject = func(e *ingest.RowError) error {
		got.Rejected = append(got.Rejected, oracle.Rejection{Row: e.Row, Line: e.Line, Code: string(e.Code), Column: e.Column})
		return nil
	}
	var r *ingest.Reader
	opts.Accept = func(e *metrics.Event) error {
		lines[e.Row] = r.Line()
		return nil
	}
	r = ingest.NewReader(bytes.NewReader(input), &opts)
	if chunk > 0 {
		r.SetChunk(chunk)
		if chunk%2 == 1 {
			r.NoQuick()
		}
	}
	events := make([]metrics.Event, 3)
	var err error
	for err == nil {
		var n int
		n, err = r.Read(events)
		for i := range events[:n] {
			got.Rows = append(got.Rows, oracleRow(&events[i]))
		}
	}
	got.Err, got.Missing, got.Duplicate = failure(err)
	for _, w := range r.Warnings() {
		got.Warnings = append(got.Warnings, oracle.Warning{Code: string(w.Code), Count: w.Count, Line: w.Line})
	}
	as := r.ReadAs()
	got.ReadAs = oracle.ReadAs{
		Format: as.Format, Delimiter: as.Delimiter, Encoding: as.Encoding, DateOrder: as.DateOrder, TimeZone: as.TimeZone,
		TimeForms: as.TimeForms, SkippedLines: as.SkippedLines, HeaderLine: as.HeaderLine,
	}
	for i := range got.Rows {
		got.Rows[i].Line = lines[got.Rows[i].Row]
	}
	return got
}

func oracleRow(e *metrics.Event) oracle.Row {
	row := oracle.Row{Row: e.Row, ID: e.ID, Type: e.Type, Time: e.Time}
	for _, f := range e.Fields {
		row.Fields = append(row.Fields, oracle.Field(f))
	}
	return row
}

func failure(err error) (kind oracle.Failure, missing, duplicate []string) {
	var header *ingest.HeaderError
	var format *ingest.FormatError
	var ambiguous *ingest.AmbiguousTimeError
	switch {
	case errors.Is(err, io.EOF):
		return oracle.NoFailure, nil, nil
	case errors.Is(err, ingest.ErrNoRows):
		return oracle.NoRows, nil, nil
	case errors.As(err, &header):
		return oracle.BadHeader, header.Missing, header.Duplicate
	case errors.As(err, &format):
		return oracle.OtherFormat, nil, nil
	case errors.As(err, &ambiguous) && ambiguous.Mixed():
		return oracle.MixedTime, nil, nil
	case errors.As(err, &ambiguous):
		return oracle.AmbiguousTime, nil, nil
	}
	return oracle.Failure(err.Error()), nil, nil
}

// compare returns the difference of what the oracle and a Reader say.
func compare(want, got *oracle.Result) string {
	if want.Err != oracle.NoFailure || got.Err != oracle.NoFailure {
		if want.Err != got.Err {
			return fmt.Sprintf("reading ends with %q, want %q", got.Err, want.Err)
		}
		if want.Missing != nil || want.Duplicate != nil {
			return gocmp.Diff([][]string{want.Missing, want.Duplicate}, [][]string{got.Missing, got.Duplicate},
				cmpopts.SortSlices(strings.Compare))
		}
		// Rows come before the failure as far as they were read.
		n, m := min(len(want.Rows), len(got.Rows)), min(len(want.Rejected), len(got.Rejected))
		return gocmp.Diff(want.Rows[:n], got.Rows[:n], cmpopts.EquateEmpty()) + gocmp.Diff(want.Rejected[:m], got.Rejected[:m], cmpopts.EquateEmpty())
	}
	return gocmp.Diff(want, got, cmpopts.EquateEmpty())
}

// agree fails when the oracle and a Reader differ on an input, and shows a
// small part of the input on which they do.
func agree(t interface {
	Helper()
	Fatalf(string, ...any)
}, input []byte, opts *ingest.Options, chunk int,
) {
	t.Helper()
	oracleOpts := asOracle(opts)
	differ := func(input []byte) string {
		return compare(oracle.Read(input, oracleOpts), readLikeOracle(input, *opts, chunk))
	}
	if differ(input) == "" {
		return
	}
	for size := len(input) / 2; size > 0; size /= 2 {
		for at := 0; at+size <= len(input); {
			if less := slices.Concat(input[:at], input[at+size:]); differ(less) != "" {
				input = less
			} else {
				at += size
			}
		}
	}
	t.Fatalf("oracle (-) and Reader (+) in pieces of %d: %s\n%q\n%s", chunk, differ(input), input, shownOptions(opts))
}

func shownOptions(opts *ingest.Options) string {
	return fmt.Sprintf("format %d encoding %q zone %v order %v rules %d limits %+v",
		opts.Format, opts.Encoding.Name, opts.Zone, opts.DateOrder, len(opts.Schema.Rules), opts.Limits)
}

// oracleOptions returns options without defaults.
func oracleOptions() *ingest.Options {
	return &ingest.Options{
		Schema:   ingest.Schema{EventType: "event_type", Time: "timestamp", EventID: "event_id", Required: []string{"who"}},
		Earliest: time.Date(1971, 1, 1, 0, 0, 0, 0, time.UTC),
		Latest:   time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC),
		Limits:   ingest.Limits{FieldBytes: 60, Columns: 13, RowBytes: 200, Rows: 40},
	}
}

// TestReaderDoesWhatTheOracleDoes is the law: the Reader accepts what the slow
// reader of the documented rules accepts, with the same values.
func TestReaderDoesWhatTheOracleDoes(t *testing.T) {
	zones := []*time.Location{nil, nil, nil, time.UTC, time.FixedZone("+0545", 20700)}
	for _, name := range slices.Sorted(maps.Keys(changes)) {
		zones = append(zones, zoneOf(t, name))
	}
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.SliceOfN(rapid.Uint64(), 2, 2).Draw(rt, "seed")
		g := &dice{Rand: rand.New(rand.NewPCG(seed[0], seed[1]))}
		opts := oracleOptions()
		opts.Zone = pick(g, zones)
		if g.days = changes[opts.Zone.String()]; g.days == nil || g.rare(4) {
			g.days = limitDays
		}
		opts.DateOrder = pick(g, []ingest.DateOrder{ingest.FindOrder, ingest.FindOrder, ingest.DayFirst, ingest.MonthFirst})
		if g.rare(6) {
			opts.Limits = ingest.Limits{
				FieldBytes: g.between(10, 30), Columns: g.between(4, 12),
				RowBytes: g.between(70, 150), Rows: int64(g.between(1, 6)),
			}
		}
		if g.rare(3) {
			low, high := -1.5, 9.0
			opts.Schema.Rules = []ingest.Rule{
				{Column: "note", MaxLength: 4, Warn: true, Code: "long_note"},
				{Column: "n", Min: &low, Max: &high},
				{Column: "who", Pattern: "[A-Z].*", Warn: true},
				{Column: "note", Enum: []string{"x", "y", "a", "b", "7", "long one"}, Code: "bad_note"},
			}
		}
		var text string
		if g.rare(4) {
			opts.Format = ingest.NDJSON
			text = drawNDJSON(g)
		} else {
			text = drawCSV(g)
		}
		if g.rare(3) {
			text = spoiled(g, text)
		}
		input := encoded(g, text, opts)
		if g.rare(12) {
			input = []byte(spoiled(g, string(input)))
		}
		agree(rt, input, opts, 0)
		agree(rt, input, opts, g.between(1, 90))
	})
}

// FuzzAgainstOracle compares the Reader with the oracle on any bytes.
func FuzzAgainstOracle(f *testing.F) {
	head := "who,event_type,timestamp,note,event_id\n"
	for i, s := range rowSeeds {
		f.Add([]byte("event_type,timestamp,who,y\n"+s), uint16(i))
		f.Add([]byte(strings.ReplaceAll("event_type,timestamp,who,y\n"+s, "\n", "\r")), uint16(i))
		f.Add([]byte(`{"event_type":"a","timestamp":"2025-11-08","who":"x","note":null}`+s), uint16(1|i<<1))
	}
	files, err := filepath.Glob("testdata/cases/*.*")
	if err != nil || len(files) == 0 {
		f.Fatal(err, files)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		if len(text) < 4000 {
			f.Add(bytes.ReplaceAll(text, []byte("candidate_id"), []byte("who")), uint16(0))
			f.Add(bytes.ReplaceAll(text, []byte("candidate_id"), []byte("who")), uint16(1|3<<1|1<<8))
		}
	}
	for i, s := range []string{
		"C1,a,2025-10-26 02:30,x,1\nC2,a,26/10/2025 2:30 AM,y,\\N\n", "C1,a,03/04/2025,x,1\n,a,13/04/2025,,\nC1,a,04/13/2025,,\n",
		"C1,a,1762592400,x,1\nC1,a,1762592400000.5,,\nC1,a,20251108,,\n", "C1,\"a,2025-11-08,,\nC2,b,2025-11-08,,\nC3,\"b,2025-11-08,,\n",
		"C1,a,2025-11-08T09:00:00+01:00[Europe/Berlin],,\nWHO,event_type,timestamp,note,event_id\nevent_type,who,timestamp\na,C1,2025-11-08\n",
	} {
		f.Add([]byte(head+s), uint16(i<<1))
		f.Add([]byte("sep=;\n"+strings.ReplaceAll(head+s, ",", ";")), uint16(i<<1|1<<9))
		f.Add([]byte(encode16(binary.LittleEndian, "\ufeff"+head+s)), uint16(i<<1))
	}
	f.Add(bytes.Repeat([]byte("\f"), 260), uint16(89)) // blank, but longer than a row may be
	f.Add([]byte(strings.Repeat("\n", 22)+head), uint16(0))
	for _, s := range []string{
		`{"who":"C","event_type":"a","timestamp":1.7625924e12,"x":{"y":[1,"}"]}}`, `{"who":"C","event_type":"\ud800","timestamp":"2025-11-08","who":1}`,
		`{"WHO ":12345678901234567890,"event_type":true,"timestamp":"13/04/2025","event_id":"nil"}`,
	} {
		f.Add([]byte(s+"\n"+s), uint16(1))
	}
	berlin, newYork := zoneOf(f, "Europe/Berlin"), zoneOf(f, "America/New_York")
	shiftJIS, err := charset.Lookup("shift_jis")
	if err != nil {
		f.Fatal(err)
	}
	low := -1.5
	f.Fuzz(func(t *testing.T, input []byte, bits uint16) {
		opts := oracleOptions()
		flag := func(i int) bool { return bits&(1<<i) != 0 }
		if flag(0) {
			opts.Format = ingest.NDJSON
		}
		opts.Zone = []*time.Location{nil, berlin, newYork, time.UTC}[bits>>1&3]
		opts.DateOrder = []ingest.DateOrder{ingest.FindOrder, ingest.FindOrder, ingest.DayFirst, ingest.MonthFirst}[bits>>3&3]
		if flag(5) {
			opts.Limits = ingest.Limits{FieldBytes: 20, Columns: 4, RowBytes: 50, Rows: 3}
		}
		if flag(6) {
			opts.Schema.Rules = []ingest.Rule{{Column: "note", MaxLength: 3, Warn: true}, {Column: "y", Min: &low, Code: "low_y"}}
		}
		if flag(7) {
			opts.Encoding = shiftJIS
		}
		if flag(8) {
			opts.Schema.Required = []string{}
		}
		agree(t, input, opts, 0)
		agree(t, input, opts, 1+int(bits>>9))
	})
}

var defects = []string{
	`"`, `""`, ",", ";", "\t", "|", "\n", "\r", "\r\n", "\x00", "\xff", "\xef\xbb\xbf", "\xc2\xa0", "\xe2\x80\x8b", " ", "0", "9", "-", "/",
	"T", "Z", "{", "}", "[", ":", `\`, `\N`, `\ud83d`, "e5", "'", "=", "é",
}

// spoiled puts some defects into a text, mostly behind its first line.
func spoiled(g *dice, text string) string {
	for range g.between(1, 3) {
		first := 0
		if !g.rare(6) {
			first = strings.IndexAny(text, "\r\n") + 1
		}
		i := g.between(min(first, len(text)), len(text))
		text = text[:i] + pick(g, defects) + text[min(i+g.between(0, 1), len(text)):]
	}
	return text
}

// encoded writes a text as bytes of some encoding that the options can read.
func encoded(g *dice, text string, opts *ingest.Options) []byte {
	bom := pick(g, []string{"", "", "\ufeff"})
	kind := pick(g, []string{"utf-8", "utf-8", "utf-8", "utf-16le", "utf-16be", "windows-1252", "shift_jis", "named utf-8"})
	switch kind {
	case "utf-16le", "utf-16be":
		b := []byte(encode16(order16(kind), bom+text))
		if g.rare(6) { // half a surrogate pair
			i := 2 * g.between(0, len(b)/2)
			b = slices.Concat(b[:i], pick(g, [][]byte{{0xd8, 0xd8}, {0xdc, 0xdc}}), b[i:])
		}
		return b
	case "windows-1252", "shift_jis", "named utf-8":
		e, err := charset.Lookup(strings.TrimPrefix(kind, "named "))
		if err != nil {
			panic(err)
		}
		opts.Encoding = e
		return fromUTF8(kind, text)
	}
	return []byte(bom + text)
}
