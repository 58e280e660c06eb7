package httpapi_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/store"
)

func TestSpecificationHasTheRoutes(t *testing.T) {
	c := theContract(t)
	if err := c.doc.Validate(t.Context()); err != nil {
		t.Error(err)
	}
	want := start(t, setup{}).handler.Patterns()
	slices.Sort(want)
	if d := cmp.Diff(want, slices.Sorted(maps.Keys(c.ops))); d != "" {
		t.Error(d)
	}
	ids := map[string]bool{}
	for pattern, op := range c.ops {
		if ids[op.OperationID] || op.OperationID == "" || op.Summary == "" || len(op.Tags) != 1 || c.doc.Tags.Get(op.Tags[0]) == nil {
			t.Errorf("%s: operationId %q, summary %q, tags %v", pattern, op.OperationID, op.Summary, op.Tags)
		}
		ids[op.OperationID] = true
		open := op.Security != nil && len(*op.Security) == 0
		refuses := op.Responses.Status(http.StatusUnauthorized) != nil
		if refuses == open && pattern != "GET /{$}" { // which a program with users of its own may refuse
			t.Errorf("%s: open is %t, and 401 is documented is %t", pattern, open, refuses)
		}
	}
}

func TestParametersAreThoseOfTheSpecification(t *testing.T) {
	a := start(t, setup{})
	for pattern, params := range queryParameters(t) {
		var want []string
		for _, p := range params {
			want = append(want, p.Name)
		}
		method, path, _ := strings.Cut(pattern, " ")
		answer := a.do(method, path+"?dryrun=true", nil)
		detail, _ := answer.json(t)["detail"].(string)
		said, ok := strings.CutPrefix(detail, `unknown parameter "dryrun"; there are `)
		if answer.status != http.StatusBadRequest || !ok {
			t.Errorf("%s: %d %s", pattern, answer.status, answer.body)
			continue
		}
		var got []string
		if said != "none here" {
			got = strings.Split(said, ", ")
		}
		if d := cmp.Diff(set(want), set(got)); d != "" {
			t.Errorf("%s: %s", pattern, d)
		}
	}
}

func TestSpecificationHasTheClosedLists(t *testing.T) {
	for name, want := range map[string][]string{
		"Code": codesOf(t), "RowCode": texts(ingest.Codes()), "Status": texts(store.Statuses()),
		"DriftCause": texts(eventmetrics.DriftCauses()),
	} {
		schema := theContract(t).doc.Components.Schemas[name].Value
		if d := cmp.Diff(set(want), set(enum(schema))); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		for _, extension := range []string{"x-meanings", "x-statuses"} {
			if described, ok := schema.Extensions[extension].(map[string]any); ok {
				if d := cmp.Diff(set(want), set(slices.Collect(maps.Keys(described)))); d != "" {
					t.Errorf("%s of %s: %s", extension, name, d)
				}
			}
		}
	}
}

// codesOf reads the Code constants from the source: there is no list of them.
func codesOf(t *testing.T) []string {
	t.Helper()
	source, err := os.ReadFile("problem.go")
	if err != nil {
		t.Fatal(err)
	}
	var codes []string
	for _, found := range regexp.MustCompile(`\n\tCode\w+ +Code = "(\w+)"`).FindAllSubmatch(source, -1) {
		codes = append(codes, string(found[1]))
	}
	return codes
}

func enum(s *openapi3.Schema) []string {
	var out []string
	for _, v := range s.Enum {
		out = append(out, v.(string))
	}
	return out
}

func texts[T ~string](values []T) []string {
	var out []string
	for _, v := range values {
		out = append(out, string(v))
	}
	return out
}

// sample is a curl line of an operation.
type sample struct{ Label, Source string }

func samples(op *openapi3.Operation) []sample {
	text, _ := json.Marshal(op.Extensions["x-codeSamples"]) // came from JSON or YAML
	var all []sample
	_ = json.Unmarshal(text, &all) // a test finds those without a source
	return all
}

// TestSamplesAskForTheirOperation follows the curl lines of the document.
func TestSamplesAskForTheirOperation(t *testing.T) {
	c := theContract(t)
	form := regexp.MustCompile(`"\$BASE(/[^"]*)"`)
	for pattern, op := range c.ops {
		for _, sample := range samples(op.Operation) {
			path := form.FindStringSubmatch(sample.Source)
			if path == nil {
				t.Errorf("%s: no URL in %s", pattern, sample.Source)
				continue
			}
			method := http.MethodGet
			if found := regexp.MustCompile(`-X (\w+)`).FindStringSubmatch(sample.Source); found != nil {
				method = found[1]
			} else if strings.Contains(sample.Source, "-F ") || strings.Contains(sample.Source, "--data") {
				method = http.MethodPost
			}
			r := httptest.NewRequestWithContext(t.Context(), method, path[1], nil)
			if _, got := c.mux.Handler(r); got != pattern {
				t.Errorf("%s: a sample asks for %q", pattern, got)
			}
			if err := checkQuery(r, op.Operation); err != nil {
				t.Errorf("%s: %v", pattern, err)
			}
		}
	}
}

// TestExamplesOfStreamsKeepTheContract looks at those that are text for the
// validator of the document.
func TestExamplesOfStreamsKeepTheContract(t *testing.T) {
	c := theContract(t)
	seen := 0
	for pattern, op := range c.ops {
		success := op.Responses.Status(http.StatusOK)
		if success == nil {
			continue
		}
		for _, media := range success.Value.Content {
			if text, ok := media.Example.(string); ok && len(media.Extensions) > 0 {
				seen++
				if err := c.checkParts(media, []byte(text)); err != nil {
					t.Errorf("%s: %v", pattern, err)
				}
			}
		}
	}
	if seen < 2 {
		t.Errorf("%d examples of streams, want those of metrics and events", seen)
	}
}

// TestTranscriptKeepsTheContract looks at what the whole server answered on
// every backend; see the golden test of cmd/refserver.
func TestTranscriptKeepsTheContract(t *testing.T) {
	text, err := os.ReadFile("../cmd/refserver/testdata/transcript.golden")
	if err != nil {
		t.Fatal(err)
	}
	plain := string(text)
	for _, hidden := range []struct{ form, value string }{
		{`BATCH-(\d\d)`, "019ab4a3-0000-7000-8000-0000000000$1"}, {`"TIME"`, `"2025-11-08T00:00:00.000Z"`}, {`SECONDS|NUMBER`, "1"},
	} {
		plain = regexp.MustCompile(hidden.form).ReplaceAllString(plain, hidden.value)
	}
	steps := strings.Split("\n"+plain, "\n=== ")[1:]
	if len(steps) < 50 {
		t.Errorf("only %d steps", len(steps))
	}
	for _, step := range steps {
		about, rest, _ := strings.Cut(step, "\n")
		t.Run(about, func(t *testing.T) { checkStep(t, rest) })
	}
}

// checkStep checks a step of the transcript: lines with > of the request, lines
// with < of the answer, its body, and an empty line.
func checkStep(t *testing.T, step string) {
	t.Helper()
	lines := strings.SplitAfter(step, "\n")
	method, target, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(lines[0]), "> "), " ")
	r, err := http.NewRequestWithContext(t.Context(), method, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	status, header := 0, http.Header{"X-Request-Id": {"step"}}
	i := 1
	for ; i < len(lines) && (strings.HasPrefix(lines[i], "> ") || strings.HasPrefix(lines[i], "< ")); i++ {
		line := strings.TrimSpace(lines[i][2:])
		name, value, isHeader := strings.Cut(line, ": ")
		switch {
		case !isHeader:
			status, _ = strconv.Atoi(line[:3])
		case lines[i][0] == '>':
			r.Header.Set(name, value)
		default:
			header.Set(name, value)
		}
	}
	body := strings.TrimSuffix(strings.Join(lines[i:], ""), "\n")
	if strings.TrimSpace(body) == "" {
		body = ""
	}
	if err := theContract(t).check(r, status, header, []byte(body), true); err != nil {
		t.Error(err)
	}
}

func TestContractFindsDifferences(t *testing.T) {
	const problem = `{"type":"urn:eventmetrics:problem:CODE","title":"x","status":STATUS,"detail":"x","instance":"/x","code":"CODE","request_id":"x","error":"x"MORE}`
	broken := func(code, status, more string) string {
		return strings.NewReplacer("CODE", code, "STATUS", status, "MORE", more).Replace(problem)
	}
	const series = `{"count":1,"data":[{"date":"2025-11-08","count":1}]}`
	id := []string{"X-Request-Id", "x"}
	tagged := append(id, "ETag", `W/"0123456789abcdef0123456789abcdef"`, "Vary", "Accept, Authorization, Cookie", "Cache-Control", "private, no-cache")
	stream := append(id, "X-Accel-Buffering", "no")
	for _, tc := range []struct {
		name, request string
		status        int
		content, body string
		headers       []string
		want          string // in the complaint; "" means that there is none
	}{
		{"an answer as documented", "GET /healthz", 200, "application/json", `{"status":"ok"}`, id, ""},
		{"a status", "GET /healthz", 418, "application/json", `{"status":"ok"}`, id, "status 418"},
		{"no header", "GET /healthz", 200, "application/json", `{"status":"ok"}`, nil, `"X-Request-Id" missing`},
		{"a header", "GET /healthz", 200, "application/json", `{"status":"ok"}`, append(id, "X-Debug", "1"), "X-Debug"},
		{"a media type", "GET /healthz", 200, "text/plain", "ok", id, "Content-Type"},
		{"a member too much", "GET /healthz", 200, "application/json", `{"status":"ok","pid":1}`, id, "pid"},
		{"a member too few", "GET /healthz", 200, "application/json", `{}`, id, "status"},
		{"a value", "GET /healthz", 200, "application/json", `{"status":"fine"}`, id, "status"},
		{"no JSON", "GET /healthz", 200, "application/json", `{"status":`, id, "decode"},
		{"a parameter", "GET /healthz?deep=true", 200, "application/json", `{"status":"ok"}`, id, "parameter deep"},
		{"a problem as documented", "GET /healthz", 500, "application/problem+json", broken("internal", "500", ""), id, ""},
		{"a code", "GET /healthz", 500, "application/problem+json", broken("oops", "500", ""), id, "code"},
		{"a code of another status", "GET /healthz", 500, "application/problem+json", broken("busy", "500", ""), id, "code"},
		{"a status in the body", "GET /healthz", 500, "application/problem+json", broken("internal", "501", ""), id, "status"},
		{"a member of a problem", "GET /healthz", 500, "application/problem+json", broken("internal", "500", `,"stack":""`), id, "stack"},
		{"a member of another problem", "POST /uploads", 422, "application/problem+json", broken("idempotency_key_reused", "422", `,"errors":[]`), id, "schema"},
		{"a body where there is none", "DELETE /batches/x", 204, "", "gone", id, "a body"},
		{"a series as documented", "GET /metrics", 200, "application/json", series, tagged, ""},
		{"the form of a header", "GET /metrics", 304, "", "", append(tagged, "ETag", "1"), `"ETag" doesn't match`},
		{"no header with 304", "GET /metrics", 304, "", "", id, `missing`},
		{"NDJSON as documented", "GET /metrics", 200, "application/x-ndjson", "{\"date\":\"2025-11-08\",\"count\":1}\n", tagged, ""},
		{"a line of NDJSON", "GET /metrics", 200, "application/x-ndjson", "{\"date\":\"2025-11-08\",\"count\":1}\n{\"date\":\"soon\",\"count\":1}\n", tagged, "date"},
		{"events as documented", "GET /batches/events", 200, "text/event-stream", "retry: 1\n\n: hello\n\nid: 1\nevent: reset\ndata: {}\n\n", stream, ""},
		{"the data of an event", "GET /batches/events", 200, "text/event-stream", "id: 1\nevent: batch\ndata: {}\n\n", stream, "batch_id"},
		{"an event", "GET /batches/events", 200, "text/event-stream", "id: 1\nevent: oops\ndata: {}\n\n", stream, "event oops"},
		{"an event without an id", "GET /batches/events", 200, "text/event-stream", "event: reset\ndata: {}\n\n", stream, "no event"},
		{"half an event", "GET /batches/events", 200, "text/event-stream", "id: 1\nevent: reset\n", stream, "no event"},
		{"a route that is none", "GET /secret", 200, "application/json", `{}`, id, "status 200"},
		{"another answer to a route that is none", "GET /secret", 404, "application/json", `{}`, id, "Content-Type"},
		{"a method that is none, without Allow", "PUT /metrics", 405, "application/problem+json", broken("method_not_allowed", "405", ""), id, `"Allow" missing`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var complaints []string
			handler := theContract(t).watch(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				for i := 0; i < len(tc.headers); i += 2 {
					w.Header().Set(tc.headers[i], tc.headers[i+1])
				}
				if tc.content != "" {
					w.Header().Set("Content-Type", tc.content)
				}
				w.WriteHeader(tc.status)
				_, _ = w.Write([]byte(tc.body))
			}), func(err error) { complaints = append(complaints, err.Error()) })
			method, path, _ := strings.Cut(tc.request, " ")
			handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), method, path, nil))
			if tc.want == "" && len(complaints) == 0 {
				return
			}
			if tc.want == "" || len(complaints) != 1 || !strings.Contains(complaints[0], tc.want) {
				t.Errorf("complaints are %q, want one with %q", complaints, tc.want)
			}
		})
	}
}

// TestWatchedAnswersAreNotBuffered reads the first half of an answer before
// its handler makes the second, which never comes.
func TestWatchedAnswersAreNotBuffered(t *testing.T) {
	arrived := make(chan struct{})
	server := httptest.NewServer(watched(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Request-Id", "x")
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"status":`)
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
		<-arrived
		panic(http.ErrAbortHandler)
	})))
	defer server.Close()
	res, err := http.Get(server.URL + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	half := make([]byte, len(`{"status":`))
	if _, err := io.ReadFull(res.Body, half); err != nil {
		t.Error(err)
	}
	close(arrived)
	if _, err := io.ReadAll(res.Body); err == nil {
		t.Error("a cut connection looks whole")
	}
}

func TestDocumentsAreServedOpenly(t *testing.T) {
	a := start(t, setup{prefix: "/em"})
	for path, file := range map[string]string{"/openapi.yaml": "openapi.yaml", "/docs": "docs.html"} {
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		res := a.get(path, "Authorization", "")
		if res.status != http.StatusOK || res.body != string(want) {
			t.Errorf("%s: %d with %d bytes, want %d", path, res.status, len(res.body), len(want))
		}
		if res := a.get(path, "If-None-Match", res.header.Get("ETag")); res.status != http.StatusNotModified {
			t.Errorf("%s again: %d", path, res.status)
		}
	}
}

// TestPageNeedsNothingElse looks for what the policy forbids, and for links that
// would leave the prefix that the handler is mounted under.
func TestPageNeedsNothingElse(t *testing.T) {
	res := start(t, setup{}).get("/docs")
	style := regexp.MustCompile(`(?s)<style>(.*)</style>`).FindStringSubmatch(res.body)
	if style == nil {
		t.Fatal("the page has no style")
	}
	digest := sha256.Sum256([]byte(style[1]))
	policy := res.header.Get("Content-Security-Policy")
	if want := "; style-src 'sha256-" + base64.StdEncoding.EncodeToString(digest[:]) + "'"; !strings.HasPrefix(policy, "default-src 'none'; ") || !strings.HasSuffix(policy, want) {
		t.Errorf("policy is %q, want one that ends with %s", policy, want)
	}
	if bad := regexp.MustCompile(`<script|<link|<img| style=| on\w+=| src=|url\(|@import`).FindString(res.body); bad != "" {
		t.Errorf("the page has %s", bad)
	}
	for _, link := range regexp.MustCompile(`href="([^"]*)"`).FindAllStringSubmatch(res.body, -1) {
		place, inside := strings.CutPrefix(link[1], "#")
		if !inside && !strings.HasPrefix(link[1], "./") && link[1] != "openapi.yaml" {
			t.Errorf("the link to %s leads out of the page", link[1])
		}
		if inside && strings.Count(res.body, ` id="`+place+`"`) != 1 {
			t.Errorf("the link to %s leads to no place, or to several", link[1])
		}
	}
}
