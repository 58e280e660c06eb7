package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/cli"
	"github.com/eventmetrics/eventmetrics/internal/test/syncbuf"
)

// env returns a Getenv for these names and values.
func env(pairs ...string) func(string) string {
	m := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return func(name string) string { return m[name] }
}

// quiet is a terminal without a screen, with these environment variables.
func quiet(out io.Writer, pairs ...string) *cli.Terminal {
	return &cli.Terminal{Out: out, Err: io.Discard, Getenv: env(pairs...)}
}

// user runs commands against the server at url.
type user struct {
	t        *testing.T
	url      string
	in       io.Reader
	columns  int // of the screen; 0 means none
	out, err syncbuf.Buffer
}

func (p *user) run(args ...string) error {
	p.t.Helper()
	return p.runUntil(p.t.Context(), args...)
}

func (p *user) runUntil(ctx context.Context, args ...string) error {
	return run(ctx, &cli.Terminal{
		In: p.in, Out: &p.out, Err: &p.err, Getenv: env("REFSERVER_URL", p.url, "ADMIN_TOKEN", "secret"),
		Columns: func(io.Writer) int { return p.columns },
	}, args)
}

// seen returns what was printed since the last call. It replaces ids and
// addresses, which differ each time, by names.
func (p *user) seen() string {
	text := p.out.Take()
	text = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`).ReplaceAllString(text, "BATCH")
	return strings.ReplaceAll(text, p.url, "URL")
}

// write creates a file and returns its path.
func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// front starts a server behind a handler that calls around for each request.
func front(t *testing.T, around func(w http.ResponseWriter, r *http.Request, next http.Handler)) *user {
	t.Helper()
	s := newTranscript(t, nil)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { around(w, r, s.app.api) }))
	t.Cleanup(server.Close)
	return &user{t: t, url: server.URL}
}

func pass(w http.ResponseWriter, r *http.Request, next http.Handler) { next.ServeHTTP(w, r) }

func TestUploadPrintsAResultForEachFile(t *testing.T) {
	good, err := filepath.Abs("testdata/events.csv")
	if err != nil {
		t.Fatal(err)
	}
	p := front(t, pass)
	dir := filepath.Dir(good)
	t.Chdir(t.TempDir())
	for _, name := range []string{"events.csv", "eventsError.csv"} {
		if err := os.Symlink(filepath.Join(dir, name), name); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.run("upload", "events.csv"); err != nil {
		t.Errorf("rejected rows: %v", err)
	}
	const rejected = "  read as: CSV with commas, UTF-8, time stamps like 2025-11-08T09:00:00Z\n  warning: 3 of 8 rows were rejected, first on line 7\n  3 x missing_value, first on line 7: candidate_id is missing\n  repair file: refserver errors BATCH > repair.csv\n"
	if d := cmp.Diff("events.csv: batch BATCH, 5 accepted, 3 rejected, completed\n"+rejected, p.seen()); d != "" {
		t.Error(d)
	}
	if warning := p.err.String(); !strings.HasPrefix(warning, "warning: 3 rows of 1 file rejected") {
		t.Errorf("the warning is %q", warning)
	}
	p.in = strings.NewReader(header + "C1,T1,piped,2025-11-08\n")
	err = p.run("upload", "eventsError.csv", "events.csv", "none.csv", ".", "-")
	if err == nil || err.Error() != "refserver: upload: 3 of 5 files failed" {
		t.Errorf("the error is %v", err)
	}
	want := "eventsError.csv: NOT UPLOADED: header: missing timestamp; found candidate_id, test_id, event_type (422)\n" +
		"events.csv: batch BATCH, 5 accepted, 3 rejected, completed (already uploaded; use -allow-duplicate to upload it again)\n" + rejected +
		"none.csv: NOT UPLOADED: open none.csv: no such file or directory\n" +
		".: NOT UPLOADED: . is a directory\n" +
		"-: batch BATCH, 1 accepted, 0 rejected, completed\n" + datesOnly
	if d := cmp.Diff(want, p.seen()); d != "" {
		t.Error(d)
	}
	if err := p.run("upload", "-allow-duplicate", "events.csv"); err != nil || strings.Contains(p.seen(), "already") {
		t.Errorf("-allow-duplicate: %v", err)
	}
}

// datesOnly is how a file with dates only is read.
const datesOnly = "  read as: CSV with commas, UTF-8, time stamps like 2025-11-08, those without a zone read as UTC\n"

func TestUploadSkipsDuplicates(t *testing.T) {
	p := front(t, pass)
	monday := header + "C1,T1,started,2025-11-10\nC1,T1,clicked,2025-11-10\nC1,T1,clicked,2025-11-10\n"
	longer := write(t, "longer.csv", monday+"C2,T1,started,2025-11-11\n,T1,started,2025-11-11\n")
	for _, step := range []struct {
		args []string
		want string
	}{
		{[]string{write(t, "monday.csv", monday)}, "batch BATCH, 3 accepted, 0 rejected, completed\n" + datesOnly},
		{[]string{"-dry-run", longer}, `dry run, nothing stored: 4 accepted, 1 rejected
` + datesOnly + `  warning: 1 of 5 rows were rejected, first on line 6
  1 x missing_value, first on line 6: candidate_id is missing
date        event type  before  change  after
2025-11-10  clicked          2      +2      4
2025-11-10  started          1      +1      2
2025-11-11  started          0      +1      1
`},
		{[]string{"-dedupe", "occurrence", write(t, "again.csv", "note,"+strings.ReplaceAll(monday, "C1", ",C1"))}, "batch BATCH, 3 accepted, 0 rejected, 0 duplicates skipped, completed\n" + datesOnly},
		{[]string{"-dry-run", "-dedupe", "occurrence", longer}, `dry run, nothing stored: 1 accepted, 1 rejected, 3 duplicates skipped
` + datesOnly + `  warning: 1 of 5 rows were rejected, first on line 6
  1 x missing_value, first on line 6: candidate_id is missing
date        event type  before  change  after
2025-11-11  started          0      +1      1
`},
		{[]string{"-dedupe", "occurrence", "-mode", "strict", longer}, "NOT UPLOADED: 1 of 5 rows rejected, none may be (strict); nothing was stored (422)\n" + datesOnly + "  1 x missing_value, first on line 6: candidate_id is missing\n"},
		{[]string{"-dedupe", "occurrence", "-max-errors", "1", "-max-error-ratio", "0.2", longer}, "batch BATCH, 1 accepted, 1 rejected, 3 duplicates skipped, completed\n" + datesOnly + "  warning: 1 of 5 rows were rejected, first on line 6\n  1 x missing_value, first on line 6: candidate_id is missing\n  repair file: refserver errors BATCH > repair.csv\n"},
		{[]string{"-layout", "mdy", write(t, "us.csv", header+"C1,T1,a,03/04/2025\n")}, "batch BATCH, 1 accepted, 0 rejected, completed\n" + strings.Replace(datesOnly, "2025-11-08", "12/31/2025 (month first)", 1)},
		{[]string{"-schema", "none", longer}, "NOT UPLOADED: schema: unknown schema \"none\"; there are none by name (400)\n"},
		{[]string{"-repairs", "none", longer}, "NOT UPLOADED: Batch not found (404)\n"},
	} {
		_ = p.run(append([]string{"upload"}, step.args...)...) // its error counts files that were not uploaded
		_, got, _ := strings.Cut(p.seen(), ".csv: ")
		if d := cmp.Diff(step.want, got); d != "" {
			t.Errorf("%v: %s", step.args, d)
		}
	}
	p.in = strings.NewReader(monday) // its key is random
	if err := p.run("upload", "-"); err != nil {
		t.Error(err)
	}
	if d := cmp.Diff("-: batch BATCH, 3 accepted, 0 rejected, completed (already uploaded; use -allow-duplicate to upload it again)\n"+datesOnly, p.seen()); d != "" {
		t.Error(d)
	}
	p.in = strings.NewReader(monday)
	if err := p.run("upload", "-dry-run", "-"); err != nil || p.seen() != "-: dry run, nothing stored: 3 accepted, 0 rejected\n"+datesOnly+"  batch BATCH has the same content: the upload would store nothing\n  no metric would change\n" {
		t.Errorf("a dry run of a duplicate: %v", err)
	}
}

func TestUploadPrintsWarnings(t *testing.T) {
	schemas := write(t, "schemas.json", `{"visits": {"rules": [{"column": "test_id", "enum": ["T1"], "action": "warn", "message": "an odd test"}]}}`)
	s := newTranscript(t, []string{"SCHEMAS_FILE", schemas})
	p := &user{t: t, url: s.url}
	if err := p.run("upload", "-schema", "visits", write(t, "a.csv", header+"C1,T1,a,2025-11-10\nC1,T2,a,2025-11-10\n")); err != nil {
		t.Fatal(err)
	}
	if _, got, _ := strings.Cut(p.seen(), ".csv: "); got != "batch BATCH, 2 accepted, 0 rejected, completed\n"+datesOnly+"  warning: test_id: an odd test (1 row, first on line 3)\n" {
		t.Errorf("printed %q", got)
	}
}

func TestUploadWithoutAValidRowShowsWhy(t *testing.T) {
	p := front(t, pass)
	path := write(t, "bad.csv", header+"C1,T1,a,soon\nC1,T1,,2025-11-08\nC1,T1,\"\x1b[2J\",soon\n")
	if err := p.run("upload", path); err == nil {
		t.Error("no error")
	}
	if text := p.seen(); !strings.Contains(text, "  2 x bad_timestamp, first on line 2: ") || !strings.Contains(text, "  1 x missing_value, first on line 3: ") ||
		strings.Contains(text, "\x1b") {
		t.Errorf("printed %q", text)
	}
}

func TestUploadObeysRetryAfter(t *testing.T) {
	for _, columns := range []int{0, 60} {
		var keys []string
		p := front(t, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			keys = append(keys, r.Header.Get("Idempotency-Key"))
			if len(keys) == 1 {
				w.Header().Set("Retry-After", "1")
				w.WriteHeader(http.StatusTooManyRequests)
				return
			}
			next.ServeHTTP(w, r)
		})
		p.columns = columns
		start := time.Now()
		if err := p.run("upload", "-no-process", write(t, "a.csv", header+"C1,T1,a,2025-11-08\n")); err != nil {
			t.Fatal(err)
		}
		if time.Since(start) < time.Second {
			t.Error("it did not wait")
		}
		if len(keys) != 2 || keys[0] == "" || keys[0] != keys[1] {
			t.Errorf("the keys are %q", keys)
		}
		shown := p.err.String()
		if !strings.Contains(shown, "a.csv: retrying in 1 s (") && columns == 0 || !strings.Contains(shown, "\ra.csv  retrying in 1 s (") && columns > 0 {
			t.Errorf("%d columns: shown is %q", columns, shown)
		}
		if strings.Contains(shown, "\x1b") != (columns > 0) {
			t.Errorf("%d columns: escape sequences in %q", columns, shown)
		}
	}
}

func TestUploadGivesUp(t *testing.T) {
	path := write(t, "a.csv", header+"C1,T1,a,2025-11-08\n")
	for _, tc := range []struct {
		name, want string
		status     int
		after      string
		tries      int64
	}{
		{"the server stays unavailable", "(503) (after 3 attempts)", http.StatusServiceUnavailable, "0", 3},
		{"the wait is too long", "(try again in 2 h 00 min)", http.StatusTooManyRequests, "7200", 1},
		{"the token is wrong", "403 Forbidden", http.StatusForbidden, "", 1},
		{"the server redirects", "307 Temporary Redirect", http.StatusTemporaryRedirect, "", 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var tries atomic.Int64
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				tries.Add(1)
				w.Header().Set("Retry-After", tc.after)
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(tc.status)
				if tc.status == http.StatusServiceUnavailable {
					_, _ = io.WriteString(w, `{"code":"busy","detail":"gone \u001b[1m"}`)
				}
			}))
			defer server.Close()
			p := &user{t: t, url: server.URL}
			t.Chdir(t.TempDir())
			if err := p.run("upload", "-retries", "2", path); err == nil {
				t.Error("no error")
			}
			if text := p.seen(); !strings.Contains(text, tc.want) || strings.Contains(text, "\x1b") || tries.Load() != tc.tries {
				t.Errorf("tried %d times, printed %q", tries.Load(), text)
			}
		})
	}
}

// dying cuts the connections of the first uploads in the middle of the body.
func dying(deaths int64) func(http.ResponseWriter, *http.Request, http.Handler) {
	var uploads atomic.Int64
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method == http.MethodPost && uploads.Add(1) <= deaths {
			_, _ = io.CopyN(io.Discard, r.Body, 100_000)
			panic(http.ErrAbortHandler)
		}
		next.ServeHTTP(w, r)
	}
}

func TestUploadContinuesAfterTheServerDies(t *testing.T) {
	content := header + strings.Repeat("C1,T1,a,2025-11-08\n", 100_000)
	for _, name := range []string{"a file", "standard input"} {
		t.Run(name, func(t *testing.T) {
			p := front(t, dying(1))
			file := "-"
			if name == "a file" {
				file = write(t, "a.csv", content)
			} else {
				p.in = io.MultiReader(strings.NewReader(content[:50_001]), strings.NewReader(content[50_001:]))
			}
			if err := p.run("upload", file); err != nil {
				t.Fatal(err)
			}
			if text := p.seen(); !strings.Contains(text, ": batch BATCH, 100000 accepted, 0 rejected, completed\n") {
				t.Errorf("printed %q", text)
			}
			if err := p.run("metrics", "-format", "csv"); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff("date,event_type,count\n2025-11-08,a,100000\n", p.seen()); d != "" {
				t.Error(d)
			}
		})
	}
	t.Run("and stays dead", func(t *testing.T) {
		p := front(t, dying(9))
		if err := p.run("upload", "-retries", "1", write(t, "a.csv", content)); err == nil || !strings.Contains(p.seen(), "(after 2 attempts)") {
			t.Errorf("got %v", err)
		}
	})
}

func TestUploadIsInterrupted(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	p := front(t, func(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
		_, _ = io.Copy(io.Discard, r.Body) // otherwise the server does not notice that the client disconnects
		interrupt()
		<-r.Context().Done()
	})
	p.columns = 80
	err := p.runUntil(ctx, "upload", write(t, "a.csv", header+"C1,T1,a,2025-11-08\n"), "b.csv")
	if err == nil || !strings.Contains(err.Error(), "interrupted at ") || p.seen() != "" {
		t.Errorf("got %v", err)
	}
	if !strings.HasSuffix(p.err.String(), "\r\x1b[K") {
		t.Errorf("the bar is left: %q", p.err.String())
	}
	in, _ := io.Pipe() // no input comes
	p.in = in
	if err := p.runUntil(ctx, "upload", "-"); err == nil || !strings.Contains(err.Error(), "interrupted at -") {
		t.Errorf("at the keyboard: %v", err)
	}
}

func TestMetricsPrintsATable(t *testing.T) {
	p := front(t, pass)
	rows := header + strings.Repeat("C1,T1,started,2025-11-08\n", 10) + "C1,T1,started,2025-11-10\nC1,T1,日本語,2025-11-10\nC1,T1,\"\x1b]0;x\x07\x7f\u009b31m\u202eé\",2025-11-10\n"
	if err := p.run("upload", write(t, "a.csv", rows)); err != nil {
		t.Fatal(err)
	}
	p.seen()
	if err := p.run("metrics"); err != nil {
		t.Fatal(err)
	}
	want := `event type                      total  peak  on          by time
started                            11    10  2025-11-08  █▁▂
\x1b]0;x\a\x7f\u009b31m\u202eé      1     1  2025-11-10  ▁▁█
日本語                              1     1  2025-11-10  ▁▁█
2025-11-08 to 2025-11-10, 3 points
`
	if d := cmp.Diff(want, p.seen()); d != "" {
		t.Error(d)
	}
	p.columns = 80
	for _, format := range []string{"json", "csv"} {
		if err := p.run("metrics", "-format", format, "-from", "2025-11-10"); err != nil {
			t.Fatal(err)
		}
		if text := p.seen(); strings.ContainsAny(text, "\x1b\x7f\u009b\u202e") || !strings.Contains(text, "日本語") {
			t.Errorf("%s on a screen is %q", format, text)
		}
	}
	if err := p.run("metrics", "-event-type", "started", "-event-type", "none", "-to", "2025-11-09", "-interval", "month"); err != nil || !strings.Contains(p.seen(), "\nstarted        10    10  2025-11-01  █\n") {
		t.Errorf("a month: %v", err)
	}
	if err := p.run("metrics", "-from", "2025-11-09", "-to", "2025-11-10", "-compare", "previous_period", "-top", "1", "-event-type", "started"); err != nil || !strings.Contains(p.seen(), "\nstarted         1      10  -90.0 %     1  2025-11-10  ▁█\n") {
		t.Errorf("compared to the previous period: %v", err)
	}
	if err := p.run("metrics", "-event-type", "started", "-as-of", time.Now().UTC().Format(time.RFC3339Nano)); err != nil || !strings.Contains(p.seen(), ", as of 20") {
		t.Errorf("as of now: %v, %s", err, p.seen())
	}
	if err := p.run("metrics", "-to", "2025-11-08", "-group-by", "test_id,country", "-where", "test_id=T1", "-where", "test_id=T2", "-top", "1"); err != nil || !strings.Contains(p.seen(), "\nstarted / T1 / (empty)     10    10  2025-11-08  █\n") {
		t.Errorf("by dimensions: %v", err)
	}
	if err := p.run("metrics", "-top", "1", "-other", "-finality"); err != nil || !strings.Contains(p.seen(), "\n__other__       2     2  2025-11-10  ▁▁█\n2025-11-08 to 2025-11-10, 3 points, 3 settled\n") {
		t.Errorf("with the sum of others and finality: %v", err)
	}
	if err := p.run("metrics", "-from", "2031-01-01"); err != nil || p.seen() != "" || !strings.HasSuffix(p.err.String(), "no metrics found\n") {
		t.Errorf("nothing: %v", err)
	}
	for want, args := range map[string][]string{
		"unknown time zone": {"-tz", "Mars"}, "want one of": {"-format", "xml"}, "compare: ": {"-compare", "previous_year"}, "as_of: ": {"-as-of", "2999-01-01T00:00:00Z"}, "want dimension=value": {"-where", "test_id"}, "there are test_id, country": {"-group-by", "tset_id"}, "unknown argument": {"now"}, "want http://": {"-url", "u:hunter2@h"},
	} {
		if err := p.run(append([]string{"metrics"}, args...)...); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%v: %v", args, err)
		}
	}
}

func TestAddressMayContainTheToken(t *testing.T) {
	p := front(t, pass)
	term := quiet(&p.out, "REFSERVER_URL", p.url+"/#token=secret")
	if err := run(t.Context(), term, []string{"metrics"}); err != nil {
		t.Error(err)
	}
	if err := run(t.Context(), quiet(&p.out, "REFSERVER_URL", p.url), []string{"metrics"}); err == nil || !strings.Contains(err.Error(), "ADMIN_TOKEN") {
		t.Errorf("without a token: %v", err)
	}
}

func TestCommands(t *testing.T) {
	t.Chdir(t.TempDir())
	p := &user{t: t, url: "http://127.0.0.1:1"}
	for _, args := range [][]string{{"help"}, {"-h"}, {"--help"}} {
		if err := p.run(args...); err != nil {
			t.Errorf("%v: %v", args, err)
		}
		if text := p.seen(); !strings.Contains(text, "\n   upload ") || !strings.Contains(text, "\n   serve ") {
			t.Errorf("%v prints %q", args, text)
		}
	}
	for _, args := range [][]string{{"help", "upload"}, {"metrics", "-h"}, {"import-legacy", "-h"}} {
		if err := p.run(args...); err != nil {
			t.Errorf("%v: %v", args, err)
		}
	}
	for word, want := range map[string]string{
		"uplaod": "did you mean upload?", "metrcs": "did you mean metrics?", "Version": "did you mean version?", "frobnicate": "refserver help",
		"\x1b[31m": `"\x1b[31m"`, strings.Repeat("x", 1<<20): "unknown command",
	} {
		err := p.run(word)
		if err == nil || !strings.Contains(err.Error(), want) || word == "frobnicate" && strings.Contains(err.Error(), "mean") {
			t.Errorf("%.20q: %v", word, err)
		}
	}
	if err := p.run("version"); err != nil || !regexp.MustCompile(`(?m)^go +go\d.* \w+/\w+$`).MatchString(p.seen()) {
		t.Errorf("version: %v", err)
	}
	if err := p.run("upload"); err == nil || errors.Is(err, context.Canceled) {
		t.Errorf("no file: %v", err)
	}
}
