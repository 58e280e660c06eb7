package ingest_test

import (
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/metrics"
)

const twoRows = "candidate_id,test_id,event_type,timestamp\nC1,T1,a,2025-11-08T09:00:00Z\nC2,T2,é,2025-11-09\n"

func encode16(order binary.ByteOrder, s string) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = append(b, 0, 0)
		order.PutUint16(b[len(b)-2:], u)
	}
	return string(b)
}

func TestDialectsJustWork(t *testing.T) {
	want := []string{
		`1 a 2025-11-08T09:00:00Z candidate_id="C1" test_id="T1"`,
		`2 é 2025-11-09T00:00:00Z candidate_id="C2" test_id="T2"`,
	}
	replace := func(old, with string) string { return strings.ReplaceAll(twoRows, old, with) }
	for _, tc := range []struct{ name, input string }{
		{"commas", twoRows},
		{"semicolons", replace(",", ";")},
		{"tabs", replace(",", "\t")},
		{"vertical bars", replace(",", "|")},
		{"CRLF", replace("\n", "\r\n")},
		{"CR", replace("\n", "\r")},
		{"no line end at the end", strings.TrimSuffix(twoRows, "\n")},
		{"CR alone at the end", strings.TrimSuffix(twoRows, "\n") + "\r"},
		{"UTF-8 byte order mark", "\ufeff" + twoRows},
		{"UTF-16 little endian", encode16(binary.LittleEndian, "\ufeff"+twoRows)},
		{"UTF-16 big endian", encode16(binary.BigEndian, "\ufeff"+twoRows)},
		{"UTF-16 little endian without mark", encode16(binary.LittleEndian, twoRows)},
		{"UTF-16 big endian without mark", encode16(binary.BigEndian, twoRows)},
		{"header with case and spaces", strings.Replace(twoRows, "candidate_id,test_id", " Candidate_ID ,\tTEST_ID", 1)},
		{"header in quotes", strings.Replace(twoRows, "candidate_id,test_id", `"candidate_id"," test_id"`, 1)},
		{"blank lines", "\n \n" + replace("\n", "\n\n  \n\r\n")},
		{"spaces around values", strings.Replace(twoRows, "C1,T1,a,2025-11-08T09:00:00Z", " C1 ,T1\t, a,2025-11-08T09:00:00Z ", 1)},
		{"values in quotes", strings.Replace(twoRows, "C1,T1,a", `"C1","T1","a"`, 1)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := read(strings.NewReader(tc.input), ingest.Options{})
			if got.Err != nil || got.Rejected != nil {
				t.Fatalf("%v %v", got.Err, faults(got.Rejected))
			}
			if d := gocmp.Diff(want, lines(got.Events)); d != "" {
				t.Error(d)
			}
			if d := gocmp.Diff([]string{"candidate_id", "test_id", "event_type", "timestamp"}, got.Columns); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestRowsAreRejectedOneByOne(t *testing.T) {
	ok := "C1,T1,a,2025-11-08"
	for _, tc := range []struct {
		name, rows string
		want       []string
		events     int
	}{
		{"stray quote costs one row", "C0,\"T0,a,2025-11-08\n" + ok + "\n" + ok, []string{`1:2 bad_quotes  "C0,\"T0,a,2025-11-08"`}, 2},
		{"quote inside a value", "C0,T\"0,a,2025-11-08\n" + ok, []string{`1:2 bad_quotes  "C0,T\"0,a,2025-11-08"`}, 1},
		{"text after a quote", "C0,\"T0\"x,a,2025-11-08\n" + ok, []string{`1:2 bad_quotes  "C0,\"T0\"x,a,2025-11-08"`}, 1},
		{"lines are counted inside quotes", "C0,\"T\n0\",a,2025-11-08\n" + ok + ",x\n" + ok, []string{`2:4 too_many_fields  "C1,T1,a,2025-11-08,x"`}, 2},
		{"too few fields", "C1,T1,a\n" + ok, []string{`1:2 missing_value timestamp ""`}, 1},
		{"spaces are no value", "  ,T1,a,2025-11-08\n" + ok, []string{`1:2 missing_value candidate_id ""`}, 1},
		{"bad time", "C1,T1,a,soon\n" + ok, []string{`1:2 bad_timestamp timestamp "soon"`}, 1},
		{"no day without dashes", "C1,T1,a,20251308\n" + ok, []string{`1:2 bad_timestamp timestamp "20251308"`}, 1},
		{"the far future", "C1,T1,a,2999-01-01\n" + ok, []string{`1:2 out_of_window timestamp "2999-01-01"`}, 1},
		{"not UTF-8", "C1,T\xff,a,2025-11-08\n" + ok, []string{`1:2 bad_encoding test_id "T\\xff"`}, 1},
		{"NUL", "C1,T1,a\x00,2025-11-08\n" + ok, []string{`1:2 bad_encoding event_type "a\\x00"`}, 1},
		{"10 kB of event type", "C1,T1," + strings.Repeat("é", 5000) + ",2025-11-08\n" + ok, []string{`1:2 too_long event_type "` + strings.Repeat("é", 32) + `…"`}, 1},
		{"row over the limit", "C1,T1,a," + strings.Repeat("x", 1<<20) + "\n" + ok, []string{`1:2 row_too_long  "C1,T1,a,` + strings.Repeat("x", 56) + `…"`}, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := read(strings.NewReader("candidate_id,test_id,event_type,timestamp\n"+tc.rows), ingest.Options{})
			if d := gocmp.Diff(tc.want, faults(got.Rejected)); d != "" {
				t.Error(d)
			}
			if len(got.Events) != tc.events || got.Err != nil {
				t.Errorf("got %d events, want %d; %v", len(got.Events), tc.events, got.Err)
			}
		})
	}
}

func TestEventTypesAreJustText(t *testing.T) {
	for _, kind := range []string{"constructor", "__proto__", "a.b", "$x", "=1+1", "'", strings.Repeat("🎉", 200)} {
		got := read(strings.NewReader("event_type,timestamp\n"+kind+",2025-11-08\n"), ingest.Options{Schema: ingest.Schema{Required: []string{}}})
		if len(got.Events) != 1 || got.Events[0].Type != kind {
			t.Errorf("%s: got %v %v", kind, got.Events, got.Rejected)
		}
	}
}

func TestSchemaMapsColumns(t *testing.T) {
	in := "When;Extra; ;what;ID;Who\n2025-11-08 10:30;é;1;login;e1;anna\n"
	got := read(strings.NewReader(in), ingest.Options{
		Schema: ingest.Schema{EventType: "what", Time: "when", EventID: "id", Required: []string{"who"}},
		Zone:   time.FixedZone("", 3600),
	})
	if d := gocmp.Diff([]string{`1 login 2025-11-08T09:30:00Z #e1 extra="é" column_3="1" who="anna"`}, lines(got.Events)); d != "" {
		t.Error(d)
	}
	if d := gocmp.Diff([]string{"when", "extra", "column_3", "what", "id", "who"}, got.Columns); d != "" {
		t.Error(d)
	}
}

func TestHeadersThatCannotBeRead(t *testing.T) {
	for _, tc := range []struct{ name, input, want string }{
		{"nothing", "", "ingest: no rows"},
		{"blank lines", "\n \r\n\n", "ingest: no rows"},
		{"a guess", "candidateId,test-id,event_type,time_stamp\n", `ingest: header: missing candidate_id (is it "candidateId"?), test_id (is it "test-id"?), timestamp (is it "time_stamp"?); found candidateId, test-id, event_type, time_stamp`},
		{"twice", "candidate_id,test_id,event_type,timestamp,x,Test_ID,x\n", "ingest: header: more than once test_id; found candidate_id, test_id, event_type, timestamp, x, Test_ID, x"},
		{"quotes", "candidate_id,\"test_id,event_type,timestamp\n", "ingest: header: its quotes are wrong; found candidate_id, \"test_id, event_type, timestamp"},
		{"columns", strings.Repeat(",", 300) + "\n", "ingest: header: it has 301 columns; the limit is 256; found "},
		{"a long name", strings.Repeat("x", 2000) + "\n", "ingest: header: the name of column 1 has 2000 bytes; the limit is 1024; found " + strings.Repeat("x", 64) + "…"},
		{"not UTF-8", "a\xff,b\n", `ingest: header: the name of column 1 is not valid UTF-8; found a\xff, b`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := ingest.NewReader(strings.NewReader(tc.input), nil)
			_, err := r.Columns()
			if err == nil || !strings.HasPrefix(err.Error(), tc.want) {
				t.Errorf("got %v", err)
			}
			if _, again := r.Read(make([]metrics.Event, 1)); !errors.Is(again, err) {
				t.Errorf("Read says %v", again)
			}
		})
	}
}

func TestHeaderAloneIsNoError(t *testing.T) {
	r := ingest.NewReader(strings.NewReader("candidate_id,test_id,event_type,timestamp"), nil)
	if n, err := r.Read(make([]metrics.Event, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("got %d, %v", n, err)
	}
	if r.Rows() != 0 {
		t.Errorf("got %d rows", r.Rows())
	}
}

func TestZoneDecidesTimesWithoutOne(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ in, want string }{
		{"2025-07-01 12:00:00.5", "2025-07-01T10:00:00.5Z"},
		{"2025-07-01T12:00:00+01:00", "2025-07-01T11:00:00Z"},
		{"2025-07-01", "2025-06-30T22:00:00Z"},
		{"2025-03-30 02:30:00", "2025-03-30T01:30:00Z"}, // skipped: as time.Date has it
		{"1751364000", "2025-07-01T10:00:00Z"},
		{"1751364000.25", "2025-07-01T10:00:00.25Z"},
		{"1751364000123", "2025-07-01T10:00:00.123Z"},
		{"1751364000123456", "2025-07-01T10:00:00.123456Z"},
		{"1751364000123456789", "2025-07-01T10:00:00.123456789Z"},
	} {
		got, wrong := ingest.ParseTime(tc.in, zone)
		if wrong != "" || ingest.TimeOf(got).Format(time.RFC3339Nano) != tc.want {
			t.Errorf("%s: got %v %s, want %s", tc.in, ingest.TimeOf(got), wrong, tc.want)
		}
	}
}

func TestEveryDayIsOnTheCalendar(t *testing.T) {
	day := time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)
	for ; day.Year() < 10_000; day = day.AddDate(0, 0, 1) {
		got, wrong := ingest.ParseTime(day.Format(time.DateOnly), time.UTC)
		if wrong != "" || !ingest.TimeOf(got).Equal(day) {
			t.Fatalf("%v: got %v %s", day, ingest.TimeOf(got), wrong)
		}
	}
}

func TestTimesThatAreNone(t *testing.T) {
	for _, s := range []string{
		"", "x", "2025-02-29", "1900-02-29", "2025-13-01", "2025-04-31", "2025-11-08T", "2025-11-08T24:00:00Z",
		"2025-11-08T09:60:00Z", "2025-11-08T09:00:60Z", "2025-11-08T09:00:00.Z", "2025-11-08T09:00:00+24:00",
		"2025-11-08T09:00:00Zx", "08/11/2025", "1.5e9", "-5", "99999999999999999999", "20:25-11-08",
	} {
		if got, wrong := ingest.ParseTime(s, time.UTC); wrong == "" {
			t.Errorf("%q: got %v", s, ingest.TimeOf(got))
		}
	}
}

func TestIDsMayBeRequired(t *testing.T) {
	schema := ingest.Schema{Required: []string{"event_id"}}
	for format, in := range map[ingest.Format]string{
		ingest.CSV:    "event_id,event_type,timestamp\n1,a,2025-11-08T09:00:00Z\n,a,2025-11-08T09:00:00Z\n2,a,2025-11-08T09:00:00Z\n",
		ingest.NDJSON: `{"event_id":1,"event_type":"a","timestamp":"2025-11-08"}` + "\n" + `{"event_type":"a","timestamp":"2025-11-08"}` + "\n" + `{"event_id":2,"event_type":"a","timestamp":"2025-11-08"}`,
	} {
		got := read(strings.NewReader(in), ingest.Options{Format: format, Schema: schema})
		if len(got.Events) != 2 || got.Events[1].ID != "2" || len(got.Events[1].Fields) != 0 {
			t.Errorf("%v: events %v", format, lines(got.Events))
		}
		if len(got.Rejected) != 1 || got.Rejected[0].Code != ingest.MissingValue || got.Rejected[0].Column != "event_id" || got.Rejected[0].Row != 2 {
			t.Errorf("%v: rejected %+v", format, got.Rejected)
		}
	}
	got := read(strings.NewReader("event_type,timestamp\na,2025-11-08\n"), ingest.Options{Schema: schema})
	if missing, ok := errors.AsType[*ingest.HeaderError](got.Err); !ok || !gocmp.Equal(missing.Missing, []string{"event_id"}) {
		t.Errorf("without the column: %v", got.Err)
	}
}
