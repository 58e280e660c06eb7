package httpapi_test

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/httpapi"
)

// readCase returns a file that is easily read wrongly.
func readCase(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "ingest", "testdata", "cases", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// counted returns the metrics as lines "date,event_type,count".
func (a *api) counted(query string) string {
	a.t.Helper()
	res := a.get("/metrics?format=csv" + query)
	if res.status != http.StatusOK {
		return ""
	}
	_, rows, _ := strings.Cut(strings.ReplaceAll(res.body, "\r\n", "\n"), "\n")
	return rows
}

// TestCasesAreCountedAsMeant uploads each file that is easily read wrongly, in a
// form and as the body, and as a dry run before.
func TestCasesAreCountedAsMeant(t *testing.T) {
	for _, tc := range []struct {
		file, query        string
		accepted, rejected float64
		metrics            string
	}{
		{"compact_numbers.csv", "", 1, 2, "2025-11-08,yyyyMMddHHmm,1\n"},
		{"dimension_spaces.csv", "", 4, 0, "2025-11-08,x,4\n"},
		{"nbsp.csv", "", 2, 0, "2025-11-08,start,2\n"},
		{"overlap_berlin.csv", "&timestamp_zone=Europe/Berlin", 1, 0, "2025-10-26,x,1\n"},
		{"overlap_newyork.csv", "&timestamp_zone=America/New_York", 1, 0, "2025-11-02,x,1\n"},
		{"excel_single_digit_hour.csv", "", 4, 0, "2025-11-03,ended,2\n2025-11-13,started,2\n"},
		{"excel_order_by_later_row.csv", "", 2, 0, "2025-01-02,started,1\n2025-01-13,started,1\n"},
		{"order_evidence_in_rejected_row.csv", "", 1, 1, "2025-04-03,x,1\n"},
		{"space_before_zone.csv", "", 4, 0, "2025-11-08,bigquery,1\n2025-11-08,java,1\n2025-11-08,snowflake,1\n2025-11-08,sqlserver,1\n"},
		{"trailing_delimiter.csv", "", 2, 0, "2025-11-08,x,2\n"},
		{"empty_rows_excel.csv", "", 1, 0, "2025-11-08,x,1\n"},
		{"sep_line.csv", "", 1, 0, "2025-11-08,started,1\n"},
		{"preamble_comment.csv", "", 1, 0, "2025-11-08,x,1\n"},
		{"null_event_ids.csv", "", 3, 0, "2025-11-08,x,3\n"},
		{"float_milliseconds.ndjson", "", 2, 0, "2025-11-08,x,2\n"},
		{"nested_member.ndjson", "", 1, 0, "2025-11-08,x,1\n"},
		{"duplicate_extra_column.csv", "", 1, 0, "2025-11-08,s,1\n"},
		{"latin1_with_charset.csv", "&encoding=iso-8859-1", 2, 0, "2025-11-08,x,1\n2025-11-08,évalué,1\n"},
		{"lone_quotes_20_apart.csv", "", 58, 2, "2025-11-08,started,58\n"},
		{"lone_quotes_500_apart.csv", "", 598, 2, "2025-11-08,started,598\n"},
		{"partial_then_whole_file.csv", "", 1, 1, "2025-11-08,x,1\n"},
		{"same_content_other_order.csv", "&timestamp_layout=mdy", 1, 0, "2025-03-04,started,1\n"},
		{"same_content_other_zone.csv", "&timestamp_zone=America/New_York", 1, 0, "2025-11-09,x,1\n"},
		{"zone_not_on_quarter_hour.csv", "", 2, 0, "1971-06-01,x,2\n"},
	} {
		t.Run(tc.file, func(t *testing.T) {
			a := start(t, setup{service: eventmetrics.Options{Dimensions: []string{"country"}}})
			text := readCase(t, tc.file)
			kind := "text/csv"
			if strings.HasSuffix(tc.file, ".ndjson") {
				kind = "application/x-ndjson"
			}
			inForm := func(query string) answer {
				body := part("file", tc.file, "", text) + formEnd
				return a.do("POST", "/uploads?process=true"+query+tc.query, strings.NewReader(body), "Content-Type", formType, "Prefer", "wait=30")
			}
			raw := func(query string) answer {
				return a.do("POST", "/uploads?process=true"+query+tc.query, strings.NewReader(text), "Content-Type", kind, "Prefer", "wait=30")
			}
			check := func(how string, res answer, status int) map[string]any {
				t.Helper()
				if res.status != status {
					t.Fatalf("%s: %d %s", how, res.status, res.body)
				}
				got := res.json(t)
				if got["inserted_count"] != tc.accepted || got["failed_count"] != tc.rejected {
					t.Errorf("%s: %s", how, res.body)
				}
				return got
			}
			previewed := check("dry run of the body", raw("&dry_run=true"), http.StatusOK)
			check("dry run of a form", inForm("&dry_run=true"), http.StatusOK)
			if got := a.counted(""); got != "" {
				t.Fatalf("a dry run was counted: %s", got)
			}
			stored := check("a form", inForm(""), http.StatusCreated)
			for _, member := range []string{"read_as", "warnings"} {
				if d := cmp.Diff(previewed[member], stored[member]); d != "" {
					t.Errorf("the dry run has other %s: %s", member, d)
				}
			}
			if d := cmp.Diff(tc.metrics, a.counted("")); d != "" {
				t.Error(d)
			}
			if got := check("the body again", raw(""), http.StatusOK); got["duplicate_of"] != stored["batch_id"] {
				t.Errorf("the same file again: %v", got)
			}
			check("the body once more", raw("&on_duplicate=allow"), http.StatusCreated)
			if tc.file == "dimension_spaces.csv" {
				if d := cmp.Diff("2025-11-08,x,DE,8\n", a.counted("&group_by=country")); d != "" {
					t.Error(d)
				}
			}
		})
	}
}

func TestFilesOfOtherFormatsAreRefusedByName(t *testing.T) {
	a := start(t, setup{})
	for format, text := range map[string]string{
		"zip": readCase(t, "zip_as_csv.csv"), "pdf": "%PDF-1.7\n", "json": `[{"event_type":"a"}]`, "xlsx": "PK\x03\x04\x14\x00\x06\x00[Content_Types].xml",
	} {
		for _, query := range []string{"", "?dry_run=true"} {
			if got := a.csv("/uploads"+query, text).problem(t, 422, httpapi.CodeOtherFormat)["format"]; got != format {
				t.Errorf("%s: got %v", format, got)
			}
		}
	}
	a.isEmpty()
}

// isEmpty checks that nothing is stored.
func (a *api) isEmpty() {
	a.t.Helper()
	if got := a.get("/batches").json(a.t)["count"]; got != 0.0 {
		a.t.Errorf("%v batches are stored", got)
	}
}

func TestTheSameFileReadOtherwiseIsAConflict(t *testing.T) {
	for _, tc := range []struct {
		name, text, first, other, option, earlier, now string
	}{
		{"zone", readCase(t, "same_content_other_zone.csv"), "", "timestamp_zone=America/New_York", "time_zone", "UTC", "America/New_York"},
		{"order", readCase(t, "same_content_other_order.csv"), "timestamp_layout=dmy", "timestamp_layout=mdy", "date_order", "dmy", "mdy"},
		{"encoding", readCase(t, "latin1_with_charset.csv"), "", "encoding=windows-1252", "encoding", "utf-8", "windows-1252"},
	} {
		for _, key := range []string{"", "once"} {
			t.Run(tc.name+" "+key, func(t *testing.T) {
				a := start(t, setup{})
				first := a.csv("/uploads?"+tc.first, tc.text, "Idempotency-Key", key).json(t)["batch_id"]
				for _, query := range []string{"", "&dry_run=true"} {
					got := a.csv("/uploads?"+tc.other+query, tc.text, "Idempotency-Key", key).problem(t, 409, httpapi.CodeReadOtherwise)
					want := []any{map[string]any{"option": tc.option, "earlier": tc.earlier, "now": tc.now}}
					if d := cmp.Diff(want, got["differences"]); d != "" || got["batch_id"] != first {
						t.Errorf("%v %s", got, d)
					}
				}
				again := a.csv("/uploads?"+tc.first, tc.text, "Idempotency-Key", key)
				if again.json(t)["batch_id"] != first || again.status/100 != 2 {
					t.Errorf("the same options: %d %s", again.status, again.body)
				}
				if res := a.do("DELETE", "/batches/"+first.(string), nil); res.status/100 != 2 {
					t.Fatalf("%d %s", res.status, res.body)
				}
				if res := a.csv("/uploads?"+tc.other, tc.text, "Idempotency-Key", key); res.status != http.StatusCreated {
					t.Errorf("after the batch is deleted: %d %s", res.status, res.body)
				}
			})
		}
	}
}

func TestOptionsThatMakeNoDifferenceAreADuplicate(t *testing.T) {
	for _, key := range []string{"", "once"} {
		a := start(t, setup{})
		text := header + day8 // has zones, and no date in numbers
		first := a.csv("/uploads", text, "Idempotency-Key", key).json(t)["batch_id"]
		for _, query := range []string{"timestamp_zone=Asia/Tokyo", "timestamp_layout=mdy", "timestamp_zone=UTC"} {
			res := a.csv("/uploads?"+query, text, "Idempotency-Key", key)
			if res.json(t)["batch_id"] != first {
				t.Errorf("key %q, %s: %d %s", key, query, res.status, res.body)
			}
		}
	}
}

func TestAWholeFileIsNoRepair(t *testing.T) {
	a := start(t, setup{})
	partial := readCase(t, "partial_then_whole_file.csv")
	original := a.csv("/uploads?process=true", partial, "Prefer", "wait=30").json(t)["batch_id"].(string)
	whole := strings.Replace(partial, "C2,T1,,", "C2,T1,x,", 1)
	repair := "/uploads?process=true&repairs=" + original
	a.csv(repair, whole, "Prefer", "wait=30").problem(t, 422, httpapi.CodeTooManyRepairs)
	if d := cmp.Diff("2025-11-08,x,1\n", a.counted("")); d != "" {
		t.Error(d)
	}
	open := header + "C2,T1,x,2025-11-08\n"
	first := a.csv(repair, open, "Prefer", "wait=30")
	if first.status != http.StatusCreated {
		t.Fatalf("only the open rows: %d %s", first.status, first.body)
	}
	again := a.csv(repair, open, "Prefer", "wait=30")
	if again.status != http.StatusOK || again.json(t)["duplicate_of"] != first.json(t)["batch_id"] {
		t.Errorf("the same repair again: %d %s", again.status, again.body)
	}
	if d := cmp.Diff("2025-11-08,x,2\n", a.counted("")); d != "" {
		t.Error(d)
	}
	a.csv(repair, header+"C3,T1,x,2025-11-08\n").problem(t, 422, httpapi.CodeTooManyRepairs) // none is open
}

const formType = "multipart/form-data; boundary=XbX"

// part returns a part of a form, with a file if that has a name.
func part(name, file, headers, value string) string {
	disposition := `form-data; name="` + name + `"`
	if file != "" {
		disposition += `; filename="` + file + `"`
	}
	return "--XbX\r\nContent-Disposition: " + disposition + "\r\n" + headers + "\r\n" + value + "\r\n"
}

const formEnd = "--XbX--\r\n"

func TestFormFieldsAreOptions(t *testing.T) {
	a := start(t, setup{})
	send := func(query, body string) answer {
		return a.do("POST", "/uploads"+query, strings.NewReader(body), "Content-Type", formType)
	}
	text := readCase(t, "form_fields_as_options.body")
	res := send("", text)
	if got := res.json(t); res.status != http.StatusOK || got["dry_run"] != true || got["read_as"].(map[string]any)["time_zone"] != "America/New_York" {
		t.Errorf("%d %s", res.status, res.body)
	}
	file := part("file", "a.csv", "", header+"C1,T1,x,2025-11-08\n")
	for name, tc := range map[string]struct{ query, body string }{
		"an unknown field":                     {"", part("zone", "", "", "UTC") + file + formEnd},
		"a field after the file":               {"", file + part("dry_run", "", "", "true") + formEnd},
		"an option in the query and a field":   {"?dry_run=true", part("dry_run", "", "", "true") + file + formEnd},
		"an option twice":                      {"", part("dry_run", "", "", "true") + part("dry_run", "", "", "false") + file + formEnd},
		"a value that is none":                 {"", part("dry_run", "", "", "perhaps") + file + formEnd},
		"a charset against the field encoding": {"", part("encoding", "", "", "windows-1252") + part("file", "a.csv", "Content-Type: text/csv; charset=gbk\r\n", header+"C1,T1,x,2025-11-08\n") + formEnd},
	} {
		t.Run(name, func(t *testing.T) { send(tc.query, tc.body).problem(t, 400, httpapi.CodeBadRequest) })
	}
	send("", readCase(t, "form_two_files.body")).problem(t, 400, httpapi.CodeSeveralFiles)
	send("?dry_run=true", readCase(t, "form_two_files.body")).problem(t, 400, httpapi.CodeSeveralFiles)
	a.isEmpty()
	if got := send("", part("timestamp_zone", "", "", "America/New_York")+part("process", "", "", "true")+file+formEnd); got.status != http.StatusCreated {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestCharsetOfTheContentTypeIsObeyed(t *testing.T) {
	text := readCase(t, "latin1_with_charset.csv")
	inPart := func(charset string) string {
		return part("file", "a.csv", "Content-Type: text/csv; charset="+charset+"\r\n", text) + formEnd
	}
	for name, tc := range map[string]struct{ query, content, body string }{
		"the request":    {"", "text/csv; charset=ISO-8859-1", text},
		"the part":       {"", formType, inPart("iso-8859-1")},
		"both agree":     {"?encoding=windows-1252", "text/csv; charset=Windows-1252", text},
		"the option":     {"?encoding=latin1", "text/csv", text},
		"another name":   {"", "text/csv; charset=cp1252", text},
		"a form's field": {"", formType, part("encoding", "", "", "latin1") + part("file", "a.csv", "", text) + formEnd},
	} {
		t.Run(name, func(t *testing.T) {
			a := start(t, setup{})
			res := a.do("POST", "/uploads"+tc.query, strings.NewReader(tc.body), "Content-Type", tc.content)
			if res.status != http.StatusCreated || res.json(t)["inserted_count"] != 2.0 {
				t.Errorf("%d %s", res.status, res.body)
			}
		})
	}
	a := start(t, setup{})
	for name, tc := range map[string]struct{ query, content, body string }{
		"a conflict":            {"?encoding=gbk", "text/csv; charset=iso-8859-1", text},
		"an unknown charset":    {"", "text/csv; charset=klingon", text},
		"one of a part":         {"", formType, inPart("klingon")},
		"an unknown encoding":   {"?encoding=klingon", "text/csv", text},
		"a conflict of a part":  {"?encoding=gbk", formType, inPart("iso-8859-1")},
		"an encoding of no use": {"?encoding=", "text/csv; charset=klingon", text},
	} {
		t.Run(name, func(t *testing.T) {
			a.do("POST", "/uploads"+tc.query, strings.NewReader(tc.body), "Content-Type", tc.content).problem(t, 400, httpapi.CodeBadRequest)
		})
	}
	a.isEmpty()
}

// zstdWith returns a frame with this window.
func zstdWith(t *testing.T, window int, pieces ...string) string {
	t.Helper()
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b, zstd.WithWindowSize(window))
	if err != nil {
		t.Fatal(err)
	}
	for _, piece := range pieces { // after a flush the size is unknown, so that the header has the window
		_, err := w.Write([]byte(piece))
		if err := errors.Join(err, w.Flush()); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	var h zstd.Header
	if err := h.Decode(b.Bytes()); err != nil || h.WindowSize != uint64(window) {
		t.Fatalf("the window has %d bytes: %v", h.WindowSize, err)
	}
	return b.String()
}

func TestCompressedFilesOfOtherTools(t *testing.T) {
	text := header + day8
	wide := zstdWith(t, 64<<20, header, day8)
	for name, tc := range map[string]struct{ encoding, body string }{
		"gzip with zeros after it":        {"gzip", gzipped(text) + strings.Repeat("\x00", 5000)},
		"undeclared, with zeros":          {"", gzipped(text) + strings.Repeat("\x00", 1)},
		"two members":                     {"gzip", gzipped(header) + gzipped(day8)},
		"two members and zeros":           {"gzip", gzipped(header) + "\x00\x00" + gzipped(day8) + "\x00"},
		"x-gzip":                          {"x-gzip", gzipped(text)},
		"X-GZIP":                          {"X-GZIP", gzipped(text)},
		"zstd with a window of 64 MiB":    {"zstd", wide},
		"an empty member before the file": {"gzip", gzipped("") + gzipped(text)},
	} {
		t.Run(name, func(t *testing.T) {
			a := start(t, setup{})
			res := a.csv("/uploads", tc.body, "Content-Encoding", tc.encoding)
			if res.status != http.StatusCreated || res.json(t)["inserted_count"] != 3.0 {
				t.Errorf("%d %s", res.status, res.body)
			}
		})
	}
	a := start(t, setup{})
	for name, body := range map[string]string{
		"text after gzip":          gzipped(text) + "more",
		"zeros, then text":         gzipped(text) + "\x00\x00more",
		"a member that breaks off": gzipped(header) + gzipped(day8)[:20],
	} {
		t.Run(name, func(t *testing.T) {
			a.csv("/uploads", body, "Content-Encoding", "gzip").problem(t, 400, httpapi.CodeBadRequest)
		})
	}
	a.csv("/uploads", zstdWith(t, 256<<20, header, day8), "Content-Encoding", "zstd").problem(t, 400, httpapi.CodeBadRequest)
	a.isEmpty()
}

func TestColumnsThatAreThereTwice(t *testing.T) {
	a := start(t, setup{})
	for _, name := range []string{"Test_ID,x", "x,Candidate_ID", "x,test_\u200bid"} {
		res := a.csv("/uploads", "candidate_id,test_id,event_type,timestamp,"+name+"\nC1,T1,a,2025-11-08,T2,x\n")
		res.problem(t, 422, httpapi.CodeDuplicateColumn)
	}
	a.isEmpty()
}

func TestAcceptHonoursItsWeights(t *testing.T) {
	a := start(t, setup{})
	a.count(day8)
	for accept, want := range map[string]string{
		"text/csv;q=0.5, application/json":               "application/json",
		"application/json;q=0.2, text/csv;q=0.9":         "text/csv",
		"text/csv;q=0, */*":                              "application/json",
		"text/csv;q=0, application/json;q=0, text/plain": "text/plain",
		"text/html, application/xhtml+xml, */*;q=0.8":    "application/json",
		"text/csv": "text/csv",
		"application/json;q=0.1, text/*;q=0.1, text/csv": "text/csv",
		"TEXT/CSV; Q=0.9, application/json; q=0.899":     "text/csv",
	} {
		if got, _, _ := strings.Cut(a.get("/metrics", "Accept", accept).header.Get("Content-Type"), ";"); got != want {
			t.Errorf("Accept: %s: got %s, want %s", accept, got, want)
		}
	}
}

// noFlush hides every method of a ResponseWriter but its own three.
type noFlush struct{ w http.ResponseWriter }

func (n noFlush) Header() http.Header         { return n.w.Header() }
func (n noFlush) Write(p []byte) (int, error) { return n.w.Write(p) }
func (n noFlush) WriteHeader(status int)      { n.w.WriteHeader(status) }

func TestAStreamThatCannotBeFlushedIsRefused(t *testing.T) {
	a := start(t, setup{})
	a.count(day8)
	for name, wrapped := range map[string]http.Handler{
		"a writer with three methods": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { a.handler.ServeHTTP(noFlush{w}, r) }),
		"a handler with a time limit": http.TimeoutHandler(a.handler, time.Minute, ""),
	} {
		for _, method := range []string{"GET", "HEAD"} {
			for _, last := range []string{"", "unknown-7"} {
				r := httptest.NewRequestWithContext(t.Context(), method, "/batches/events", nil)
				r.Header.Set("Authorization", "Bearer "+token)
				r.Header.Set("Last-Event-ID", last)
				w := httptest.NewRecorder()
				wrapped.ServeHTTP(w, r)
				if w.Code != http.StatusNotImplemented || !strings.HasPrefix(w.Header().Get("Content-Type"), "application/problem+json") || strings.Contains(w.Body.String(), "retry: ") {
					t.Errorf("%s, %s after %q: %d %s %s", name, method, last, w.Code, w.Header().Get("Content-Type"), w.Body)
				}
			}
		}
	}
}
