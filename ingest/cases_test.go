package ingest_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/ingest/charset"
	"github.com/eventmetrics/eventmetrics/metrics"
)

// reading is what a Reader makes of a file.
type reading struct {
	events, rejected, warnings []string
	as                         ingest.ReadAs
	err                        error
	hint                       string
}

func readAll(t *testing.T, text string, opts ingest.Options) (got reading) {
	t.Helper()
	opts.Reject = func(e *ingest.RowError) error {
		got.rejected = append(got.rejected, fmt.Sprintf("%d:%d %s %s", e.Row, e.Line, e.Code, e.Column))
		return nil
	}
	r := ingest.NewReader(strings.NewReader(text), &opts)
	events := make([]metrics.Event, 1000)
	for {
		n, err := r.Read(events)
		got.events = append(got.events, lines(events[:n])...)
		if err != nil {
			got.err = err
			break
		}
	}
	for _, w := range r.Warnings() {
		got.warnings = append(got.warnings, fmt.Sprintf("%s %d from line %d", w.Code, w.Count, w.Line))
	}
	got.as, got.hint = r.ReadAs(), r.EncodingHint()
	return got
}

func caseFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "cases", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func zoneOf(t testing.TB, name string) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// event returns the line of an event of candidate C<n> with test T1.
func event(row int, kind, at string, candidate int) string {
	return fmt.Sprintf(`%d %s %s candidate_id="C%d" test_id="T1"`, row, kind, at, candidate)
}

const day = "2025-11-08T00:00:00Z"

// TestFilesThatPeopleSend reads small files of kinds that other importers have
// read wrongly.
func TestFilesThatPeopleSend(t *testing.T) {
	berlin, newYork := zoneOf(t, "Europe/Berlin"), zoneOf(t, "America/New_York")
	for _, tc := range []struct {
		file     string
		opts     ingest.Options
		events   []string
		rejected []string
		warnings []string
	}{
		{
			file: "compact_numbers.csv", rejected: []string{"2:3 out_of_window timestamp", "3:4 bad_timestamp timestamp"},
			events:   []string{event(1, "yyyyMMddHHmm", "2025-11-08T09:00:00Z", 1)},
			warnings: []string{"time_without_zone 1 from line 2"},
		},
		{file: "dimension_spaces.csv", events: []string{
			event(1, "x", day, 1) + ` country="DE"`, event(2, "x", day, 2) + ` country="DE"`,
			event(3, "x", day, 3) + ` country="DE"`, event(4, "x", day, 4) + ` country="DE"`,
		}},
		{file: "nbsp.csv", events: []string{event(1, "start", day, 1), event(2, "start", day, 1)}},
		{
			file: "overlap_berlin.csv", opts: ingest.Options{Zone: berlin},
			events: []string{event(1, "x", "2025-10-26T00:30:00Z", 1)}, warnings: []string{"repeated_time 1 from line 2"},
		},
		{
			file: "overlap_newyork.csv", opts: ingest.Options{Zone: newYork},
			events: []string{event(1, "x", "2025-11-02T05:30:00Z", 1)}, warnings: []string{"repeated_time 1 from line 2"},
		},
		{file: "excel_single_digit_hour.csv", events: []string{
			event(1, "started", "2025-11-13T09:00:00Z", 1), event(2, "started", "2025-11-13T10:00:00Z", 2),
			event(3, "ended", "2025-11-03T08:15:00Z", 3), event(4, "ended", "2025-11-03T18:15:00Z", 4),
		}, warnings: []string{"time_without_zone 4 from line 2"}},
		{file: "excel_order_by_later_row.csv", events: []string{
			event(1, "started", "2025-01-02T10:15:00Z", 1), event(2, "started", "2025-01-13T09:05:00Z", 2),
		}, warnings: []string{"time_without_zone 2 from line 2"}},
		{
			file: "order_evidence_in_rejected_row.csv", rejected: []string{"1:2 missing_value candidate_id"},
			events: []string{event(2, "x", "2025-04-03T00:00:00Z", 1)},
		},
		{file: "space_before_zone.csv", events: []string{
			event(1, "bigquery", "2025-11-08T09:00:00Z", 1), event(2, "snowflake", "2025-11-08T17:00:00Z", 2),
			event(3, "sqlserver", "2025-11-08T09:00:00Z", 3), event(4, "java", "2025-11-08T09:00:00Z", 4),
		}},
		{file: "trailing_delimiter.csv", events: []string{
			event(1, "x", "2025-11-08T09:00:00Z", 1), event(2, "x", "2025-11-08T09:00:00Z", 2),
		}},
		{file: "empty_rows_excel.csv", events: []string{event(1, "x", day, 1)}},
		{file: "sep_line.csv", events: []string{event(1, "started", "2025-11-08T09:00:00Z", 1)}},
		{file: "preamble_comment.csv", events: []string{event(1, "x", day, 1)}},
		{file: "null_event_ids.csv", events: []string{event(1, "x", day, 1), event(2, "x", day, 2), event(3, "x", day, 3)}},
		{file: "float_milliseconds.ndjson", opts: ingest.Options{Format: ingest.NDJSON}, events: []string{
			event(1, "x", "2025-11-08T09:00:00Z", 1), event(2, "x", "2025-11-08T09:00:00Z", 2),
		}},
		{file: "nested_member.ndjson", opts: ingest.Options{Format: ingest.NDJSON}, events: []string{event(1, "x", "2025-11-08T09:00:00Z", 1)}},
		{file: "duplicate_extra_column.csv", events: []string{`1 s 2025-11-08T00:00:00Z candidate_id="C1" note="x" test_id="T1" note_2="y"`}},
	} {
		t.Run(tc.file, func(t *testing.T) {
			got := readAll(t, caseFile(t, tc.file), tc.opts)
			if d := gocmp.Diff(tc.events, got.events); d != "" {
				t.Error(d)
			}
			if d := gocmp.Diff(tc.rejected, got.rejected); d != "" {
				t.Error(d)
			}
			if d := gocmp.Diff(tc.warnings, got.warnings); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestAStrayQuoteCostsItsOwnLine reads files with two stray quotes some rows
// apart.
func TestAStrayQuoteCostsItsOwnLine(t *testing.T) {
	for name, wrong := range map[string][]string{
		"lone_quotes_20_apart.csv":  {"21:22 bad_quotes ", "41:42 bad_quotes "},
		"lone_quotes_500_apart.csv": {"51:52 bad_quotes ", "551:552 bad_quotes "},
	} {
		text := caseFile(t, name)
		got := readAll(t, text, ingest.Options{})
		if d := gocmp.Diff(wrong, got.rejected); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		if rows := strings.Count(text, "\n") - 1; len(got.events) != rows-2 {
			t.Errorf("%s: %d events of %d rows", name, len(got.events), rows)
		}
	}
}

// TestFilesOfKindsThatTheOracleFound reads files that were once read wrongly and
// that the comparison with the oracle has shown.
func TestFilesOfKindsThatTheOracleFound(t *testing.T) {
	none := ingest.Schema{Required: []string{}}
	json := func(at string) string { return `{"event_type":"a","timestamp":` + at + "}" }
	for _, tc := range []struct {
		name, text       string
		ndjson           bool
		events, rejected []string
		distinct         []string
		err              string
	}{
		{
			name:   "two stray quotes in a file with a delimiter at the end of each line",
			text:   "event_type,timestamp,note\n\"a,2025-11-08,,\nb,2025-11-08,,\n\"c,2025-11-08,,\n",
			events: []string{"2 b " + day + ` note=""`}, rejected: []string{"1:2 bad_quotes ", "3:4 bad_quotes "},
		},
		{
			name: "text that only begins as a date is no row of its own",
			text: "event_type,timestamp\n\"x\ny,99/99/2025\",2025-11-08\n", events: []string{"1 x\ny,99/99/2025 " + day},
		},
		{
			name:   "the header again, with two columns of one name",
			text:   "event_type,timestamp,note,Note\na,2025-11-08,x,y\nevent_type,timestamp,note,note\nb,2025-11-08,,\n",
			events: []string{"1 a " + day + ` note="x" note_2="y"`, "2 b " + day + ` note="" note_2=""`},
		},
		{
			name:   "columns whose names look the same",
			text:   "event_type,timestamp,Test ID,test\u00a0\u200bid,test id_2\na,2025-11-08,x,y,z\n",
			events: []string{"1 a " + day + ` test id="x" test id_3="y" test id_2="z"`},
		},
		{
			name: "two columns of one name, of which there must be one",
			text: "event_type,timestamp,who,Who\na,2025-11-08,x,y\n", distinct: []string{"who"}, err: "more than once who",
		},
		{
			name: "a member twice, in two spellings", ndjson: true, text: `{"event_type":"a","timestamp":"2025-11-08","Note":1,"no\u200bte":2}`,
			rejected: []string{"1:1 bad_json "},
		},
		{
			name: "a member of the schema twice", ndjson: true, text: `{"event_type":"a","timestamp":"2025-11-08","TIMESTAMP":"2025-11-09"}`,
			rejected: []string{"1:1 bad_json "},
		},
		{
			name:   "the name of a column in capitals of all kinds",
			text:   "event_type,timestamp,ſTRAẞE\na,2025-11-08,x\nEvent_Type,TIMESTAMP,StraSSe\n",
			events: []string{"1 a " + day + ` straße="x"`}, err: "another header",
		},
		{
			name:   "the header again, with a column without name",
			text:   "event_type,timestamp,\na,2025-11-08,x\nevent_type,timestamp,\nb,2025-11-08,y\n",
			events: []string{"1 a " + day + ` column_3="x"`, "2 b " + day + ` column_3="y"`},
		},
		{
			name:   "a header with fewer columns in another order",
			text:   "event_type,note,timestamp,x\na,n,2025-11-08,\nnote,event_type,timestamp\nn,b,2025-11-08\n",
			events: []string{"1 a " + day + ` note="n" x=""`}, err: "line 3 is another header",
		},
		{
			name: "a header that is wrong before one that is not",
			text: "event_type,timestamp,event_type\na,2025-11-08,b\nevent_type,timestamp\na,2025-11-08\n", err: "more than once event_type",
		},
		{
			name: "a header with a stray quote before one without",
			text: "event_type;timestamp;\"x\na;2025-11-08;\nevent_type;timestamp;x\na;2025-11-08;\n", err: "its quotes are wrong; found event_type, timestamp,",
		},
		{
			name: "a header with too many columns before one that is not",
			text: strings.Repeat(";", 300) + "event_type;timestamp\nevent_type;timestamp\na;2025-11-08\n", err: "it has 302 columns; the limit is 256; found ,",
		},
		{
			name: "many blank lines and no header", text: strings.Repeat("\n", 21), err: "the first 21 lines are blank",
		},
		{
			name: "many blank lines before the header", text: strings.Repeat("\n", 21) + "event_type,timestamp\na,2025-11-08\n",
			err: "the first 21 lines are blank",
		},
		{
			name: "a date after an ambiguous one, on a line with a bad encoding", ndjson: true,
			text: json(`"03/04/2025"`) + "\n" + "{\"event_type\":\"\xff\",\"timestamp\":\"13/04/2025\"}", err: "may be 3 April 2025 or 4 March 2025",
		},
		{
			name: "marks of direction around a value", text: "event_type,timestamp\n\u061ca\u206f,2025-11-08\n",
			events: []string{"1 a " + day},
		},
		{
			name: "more delimiters than columns and a no-break space are a blank line",
			text: "event_type,timestamp\na,2025-11-08\n\u00a0,,,,\n", events: []string{"1 a " + day},
		},
		{
			name: "text with an e is no number with an exponent", ndjson: true,
			text: json(`"2025-11-1e1"`) + "\n" + json(`"2025-11-08T09:00:0e1"`), rejected: []string{"1:1 bad_timestamp timestamp", "2:2 bad_timestamp timestamp"},
		},
		{
			name: "exponents below zero", ndjson: true, text: json("176256000000000e-5"),
			events: []string{"1 a " + day},
		},
		{
			name: "half a pair in a nested value that is no JSON", ndjson: true, text: `{"event_type":"a","timestamp":"2025-11-08","x":["\ud800",]}`,
			rejected: []string{"1:1 bad_json "},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			opts := ingest.Options{Schema: none, Distinct: tc.distinct}
			if tc.ndjson {
				opts.Format = ingest.NDJSON
			}
			got := readAll(t, tc.text, opts)
			if d := gocmp.Diff(tc.events, got.events); d != "" {
				t.Error(d)
			}
			if d := gocmp.Diff(tc.rejected, got.rejected); d != "" {
				t.Error(d)
			}
			if tc.err != "" && !strings.Contains(got.err.Error(), tc.err) {
				t.Errorf("got %v", got.err)
			}
		})
	}
}

func TestValuesOfSeveralLinesAreRead(t *testing.T) {
	head := "note,event_type,timestamp\n"
	for _, note := range []string{"one\ntwo", "a,b\nc,d\n", "a,b,c\nd,e,f", "\n\n", "x,started,soon\n"} {
		got := readAll(t, head+`"`+note+`",a,2025-11-08`+"\n", ingest.Options{Schema: ingest.Schema{Required: []string{}}})
		if len(got.events) != 1 || len(got.rejected) > 0 {
			t.Errorf("%q: %v %v", note, got.events, got.rejected)
		}
	}
	got := readAll(t, head+"\"x\nb,a,2025-11-09\nc\",a,2025-11-08\n", ingest.Options{Schema: ingest.Schema{Required: []string{}}})
	if d := gocmp.Diff([]string{"1:2 bad_quotes ", "3:4 bad_quotes "}, got.rejected); d != "" || len(got.events) != 1 {
		t.Error(got.events, d)
	}
}

func TestFilesOfOtherFormatsAreNamed(t *testing.T) {
	for text, want := range map[string]string{
		caseFile(t, "zip_as_csv.csv"):                                          "zip",
		"PK\x03\x04\x14\x00\x06\x00[Content_Types].xml":                        "xlsx",
		"PK\x03\x04..mimetypeapplication/vnd.oasis.opendocument.spreadsheetPK": "ods",
		"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1":                                     "xls", "%PDF-1.7": "pdf", "\x89PNG\r\n\x1a\n": "png", "PAR1\x15": "parquet",
		"\x1f\x8b\x08": "gzip", "\x28\xb5\x2f\xfd": "zstd", "[{\"event_type\":1}]": "json", " [\n  {": "json",
		"{\"event_type\":\"a\"}\n": "ndjson", "\ufeff<!DOCTYPE html>": "html", "<HTML>": "html", "<?xml version": "xml",
		"SQLite format 3\x00": "sqlite", "Obj\x01": "avro",
	} {
		for range 2 { // it is safe to repeat
			r := ingest.NewReader(strings.NewReader(text), nil)
			_, err := r.Columns()
			var other *ingest.FormatError
			if !errors.As(err, &other) || other.Format != want || !strings.HasPrefix(other.Hint, "this is ") {
				t.Errorf("%q: got %v, want %s", text, err, want)
			}
		}
	}
	r := ingest.NewReader(strings.NewReader(`[{"event_type":"a"}]`), &ingest.Options{Format: ingest.NDJSON})
	var other *ingest.FormatError
	if _, err := r.Columns(); !errors.As(err, &other) || other.Format != "json" {
		t.Errorf("got %v", err)
	}
}

func TestAnEncodingIsObeyedOrGuessed(t *testing.T) {
	text := caseFile(t, "latin1_with_charset.csv")
	got := readAll(t, text, ingest.Options{})
	if d := gocmp.Diff([]string{"1:2 bad_encoding event_type"}, got.rejected); d != "" || got.hint != "windows-1252" {
		t.Errorf("hint %q %s", got.hint, d)
	}
	latin1, err := charset.Lookup("ISO-8859-1")
	if err != nil {
		t.Fatal(err)
	}
	got = readAll(t, text, ingest.Options{Encoding: latin1})
	if d := gocmp.Diff([]string{event(1, "évalué", day, 1), event(2, "x", day, 2)}, got.events); d != "" || got.as.Encoding != "iso-8859-1" {
		t.Errorf("%+v %s", got.as, d)
	}
	for _, unlike := range []string{"\x81", "\xe9,a,2025-11-08\nC2,T1,é"} { // no Windows-1252; or UTF-8 beside it
		got = readAll(t, header+"C1,T1,"+unlike+",2025-11-08\n", ingest.Options{})
		if got.hint != "" {
			t.Errorf("%q: hint %s", unlike, got.hint)
		}
	}
}

func TestHowAFileWasReadIsSaid(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		opts       ingest.Options
		want       ingest.ReadAs
	}{
		{
			"a plain file", "candidate_id,test_id,event_type,timestamp\nC1,T1,a,2025-11-08T09:00:00Z\n",
			ingest.Options{},
			ingest.ReadAs{Format: "csv", Delimiter: ",", Encoding: "utf-8", TimeForms: []string{"iso_zoned"}, HeaderLine: 1},
		},
		{
			"a spreadsheet's", "Report of 8 Nov\n\n# by \"ops\ncandidate_id;test_id;event_type;timestamp\nC1;T1;a;13.11.2025 9:05 PM\nC1;T1;a;2025/11/8\n",
			ingest.Options{Zone: zoneOf(t, "Europe/Berlin")},
			ingest.ReadAs{Format: "csv", Delimiter: ";", Encoding: "utf-8", DateOrder: "dmy", TimeZone: "Europe/Berlin", TimeForms: []string{"iso_date", "numeric"}, SkippedLines: 3, HeaderLine: 4},
		},
		{
			"NDJSON", `{"candidate_id":"C1","test_id":1,"event_type":"a","timestamp":1762592400}`,
			ingest.Options{Format: ingest.NDJSON},
			ingest.ReadAs{Format: "ndjson", Encoding: "utf-8", TimeForms: []string{"unix_s"}},
		},
		{
			"a header alone", "\ufeffcandidate_id,test_id,event_type,timestamp",
			ingest.Options{},
			ingest.ReadAs{Format: "csv", Delimiter: ",", Encoding: "utf-8", HeaderLine: 1},
		},
	} {
		if d := gocmp.Diff(tc.want, readAll(t, tc.text, tc.opts).as); d != "" {
			t.Errorf("%s: %s", tc.name, d)
		}
	}
}

func TestWhatIsSuspiciousIsCounted(t *testing.T) {
	at := ",2025-11-08T09:00:00Z\n"
	for _, tc := range []struct {
		name, text string
		zone       *time.Location
		want       []string
		events     int
		err        string
	}{
		{"nothing", header + "C1,T1,a" + at, nil, nil, 1, ""},
		{"no zone", header + "C1,T1,a" + at + "C1,T1,a,2025-11-08 09:00\nC1,T1,a,2025-11-08\n", nil, []string{"time_without_zone 1 from line 3"}, 3, ""},
		{"a zone that was chosen", header + "C1,T1,a,2025-11-08 09:00\n", zoneOf(t, "Europe/Berlin"), nil, 1, ""},
		{"a time that was skipped", header + "C1,T1,a,2025-03-30 02:30\n", zoneOf(t, "Europe/Berlin"), []string{"skipped_time 1 from line 2"}, 1, ""},
		{"one event id", "event_id," + header + "0,C1,T1,a" + at + "0,C2,T1,a" + at + "1,C3,T1,a" + at, nil, []string{"equal_event_ids 2 from line 2"}, 3, ""},
		{"event ids that differ", "event_id," + header + "0,C1,T1,a" + at + "1,C2,T1,a" + at, nil, nil, 2, ""},
		{"the header again", header + "C1,T1,a" + at + " Candidate_ID,test_id,event_type,timestamp\nC2,T1,a" + at, nil, []string{"repeated_header 1 from line 3"}, 2, ""},
		{"another header", header + "C1,T1,a" + at + "test_id,candidate_id,event_type,timestamp\nT1,C1,a" + at, nil, nil, 1, "line 3 is another header"},
		{"a cut line", header + "C1,T1,a,2025-11-18\nC1,T1,a,2025-11-1", nil, []string{"cut_last_line 1 from line 3"}, 2, ""},
		{"a whole last line without end", header + "C1,T1,a,2025-11-18\nC1,T1,a,2025-11-19", nil, nil, 2, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := readAll(t, tc.text, ingest.Options{Zone: tc.zone})
			if d := gocmp.Diff(tc.want, got.warnings); d != "" || len(got.events) != tc.events {
				t.Errorf("%d events %s", len(got.events), d)
			}
			if tc.err != "" && !strings.Contains(got.err.Error(), tc.err) {
				t.Errorf("got %v", got.err)
			}
		})
	}
}

func TestMoreTimes(t *testing.T) {
	for _, tc := range []struct{ in, want string }{
		{"2025/11/8", day},
		{"2025.11.08", day},
		{"2025-11-8 9:05", "2025-11-08T09:05:00Z"},
		{"2025-11-08  09:05:06", "2025-11-08T09:05:06Z"},
		{"2025-11-08 9:05 am", "2025-11-08T09:05:00Z"},
		{"2025-11-08 12:00AM", day},
		{"2025-11-08 12:00 PM", "2025-11-08T12:00:00Z"},
		{"2025-11-08 9:05:06 PM +01:00", "2025-11-08T20:05:06Z"},
		{"2025-11-08T10:00:00+01:00[Europe/Berlin]", "2025-11-08T09:00:00Z"},
		{"2025-11-08T04:00-05:00[America/New_York]", "2025-11-08T09:00:00Z"},
		{"2025-11-08 09:00:00 GMT", "2025-11-08T09:00:00Z"},
		{"2025-11-08 09:00:00 utc", "2025-11-08T09:00:00Z"},
		{"2025-11-08 09:00:00 -0800", "2025-11-08T17:00:00Z"},
		{"20251108", day},
		{"202511080905", "2025-11-08T09:05:00Z"},
		{"20251108090506", "2025-11-08T09:05:06Z"},
		{"20251108.0", day},
		{"20251108090506.5", "2025-11-08T09:05:06.5Z"},
		{"999999999", "2001-09-09T01:46:39Z"},
		{"1762592400000.25", "2025-11-08T09:00:00.00025Z"},
	} {
		got, wrong := ingest.ParseTime(tc.in, time.UTC)
		if wrong != "" || ingest.TimeOf(got).Format(time.RFC3339Nano) != tc.want {
			t.Errorf("%s: got %v %s, want %s", tc.in, ingest.TimeOf(got), wrong, tc.want)
		}
	}
}

func TestWhyATextIsNoTime(t *testing.T) {
	for in, want := range map[string]string{
		"2025-11-08 09:00:00 EST": "names a time zone", "45969.375": "day number", "45969": "day number", "11/8/25": "year of two digits",
		"17625924000": "Unix time has 10 digits", "638981244000000000": "Unix time has 10 digits", "1.76259E+12": "may have rounded", "20251108.5": "digits behind a date",
		"2025-11-08 13:00 PM": "hours with AM or PM", "2025-11-08 25:00": "hours are 0 to 23", "2025-11-08 9": "no time of day", "2025-11-08T09:00[Europe/Berlin]": "without an offset",
		"2025-11-08T09:00+1": "bad offset", "2025-11-31": "not on the calendar",
	} {
		got := readAll(t, header+"C1,T1,a,"+in+"\n", ingest.Options{Reject: nil})
		if len(got.rejected) != 1 {
			t.Errorf("%s: %v", in, got.events)
			continue
		}
		var message string
		r := ingest.NewReader(strings.NewReader(header+"C1,T1,a,"+in+"\n"), &ingest.Options{Reject: func(e *ingest.RowError) error { message = e.Message; return nil }})
		_, _ = r.Read(make([]metrics.Event, 1))
		if !strings.Contains(message, want) {
			t.Errorf("%s: %s", in, message)
		}
	}
}

func TestAFileHasOneUnixUnit(t *testing.T) {
	got := readAll(t, header+"C1,T1,a,9999999999\nC1,T1,a,1762592400000\nC1,T1,a,1762592400\nC1,T1,a,1762592400001\n", ingest.Options{})
	if d := gocmp.Diff([]string{"1:2 out_of_window timestamp", "3:4 bad_timestamp timestamp"}, got.rejected); d != "" || len(got.events) != 2 {
		t.Error(got.events, d)
	}
}

// TestLocalTimesOfEachZone compares with all moments of some days at which the
// clocks show a local time.
func TestLocalTimesOfEachZone(t *testing.T) {
	for _, name := range []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "America/St_Johns", "Pacific/Apia", "Asia/Kathmandu", "Etc/GMT+12"} {
		zone := zoneOf(t, name)
		for _, year := range []int{2011, 2025, 2040, 2041} {
			start := time.Date(year, 1, 1, 0, 7, 0, 0, time.UTC)
			first := map[string]time.Time{} // the first moment at which clocks show it
			for at := start.AddDate(0, 0, -3); at.Before(start.AddDate(1, 0, 3)); at = at.Add(15 * time.Minute) {
				if s := at.In(zone).Format("2006-01-02 15:04"); first[s].IsZero() {
					first[s] = at
				}
			}
			for wall := start.AddDate(0, 0, 1); wall.Year() == year; wall = wall.Add(30 * time.Minute) {
				s := wall.Format("2006-01-02 15:04")
				got, wrong := ingest.ParseTime(s, zone)
				want, ok := first[s]
				if !ok { // it was skipped: what the clocks show is later by what they skipped
					shown := ingest.TimeOf(got).In(zone).Format("2006-01-02 15:04")
					if shown <= s {
						t.Fatalf("%s %s: got %s", name, s, shown)
					}
					continue
				}
				if wrong != "" || !ingest.TimeOf(got).Equal(want) {
					t.Fatalf("%s %s: got %v %s, want %v", name, s, ingest.TimeOf(got), wrong, want)
				}
			}
		}
	}
}

func TestJSONThatIsNoText(t *testing.T) {
	member := func(v string) string {
		return `{"candidate_id":` + v + `,"test_id":"T","event_type":"a","timestamp":1762592400}`
	}
	for v, want := range map[string][]string{
		`"\ud800"`: {"1:1 bad_encoding "}, `"\udc00x"`: {"1:1 bad_encoding "}, `"\ud83d\ude00"`: nil, `"\\ud800"`: nil, `"\ufffd"`: nil,
		`{}`: {"1:1 bad_json candidate_id"}, `[1]`: {"1:1 bad_json candidate_id"}, `null`: {"1:1 missing_value candidate_id"},
		`12345678901234567890`: nil, `"a","candidate_id":"b"`: {"1:1 bad_json "},
		`"a","x":{"y":["}",{"\"":[]}]},"z":[]`: nil, `"a","x":{"y"}`: {"1:1 bad_json "}, `"a","x":[`: {"1:1 bad_json "},
	} {
		got := readAll(t, member(v), ingest.Options{Format: ingest.NDJSON})
		if d := gocmp.Diff(want, got.rejected); d != "" {
			t.Errorf("%s: %s", v, d)
		}
	}
	if got := readAll(t, member("12345678901234567890"), ingest.Options{Format: ingest.NDJSON}); !strings.Contains(got.events[0], `"12345678901234567890"`) {
		t.Errorf("got %v", got.events)
	}
}

// TestTimesOfTheFarFutureAreRead reads local times of days on which
// time.Time.ZoneBounds does not advance.
func TestTimesOfTheFarFutureAreRead(t *testing.T) {
	for _, name := range []string{"Europe/Berlin", "America/New_York", "Australia/Sydney"} {
		zone := zoneOf(t, name)
		for year := 2036; year < 2110; year++ {
			for hour := range 72 {
				at := time.Date(year, 12, 30, hour, 30, 0, 0, zone)
				got, wrong := ingest.ParseTime(at.Format("2006-01-02 15:04"), zone)
				if wrong != "" || !ingest.TimeOf(got).Equal(at) {
					t.Fatalf("%v: got %v %s", at, ingest.TimeOf(got), wrong)
				}
			}
		}
	}
}

// TestTimesOfTheFarFutureAreNotRepeated reads local times of days on which
// time.Time.ZoneBounds returns stretches that overlap.
func TestTimesOfTheFarFutureAreNotRepeated(t *testing.T) {
	var text strings.Builder
	text.WriteString("event_type,timestamp\n")
	for hour := range 72 {
		text.WriteString("a," + time.Date(2040, 12, 30, hour, 30, 0, 0, time.UTC).Format("2006-01-02 15:04") + "\n")
	}
	got := readAll(t, text.String(), ingest.Options{
		Schema: ingest.Schema{Required: []string{}}, Zone: zoneOf(t, "Europe/Berlin"), Latest: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC),
	})
	if len(got.events) != 72 || got.warnings != nil {
		t.Errorf("%d events, warnings %v", len(got.events), got.warnings)
	}
}
