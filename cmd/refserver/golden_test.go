package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/config"
	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
	"github.com/eventmetrics/eventmetrics/queue"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestAnswersAreTheSameOnEveryBackend runs one script of requests on all
// backends. All must give the answers in one file, except for ids and times.
func TestAnswersAreTheSameOnEveryBackend(t *testing.T) {
	golden, err := filepath.Abs("testdata/transcript.golden")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		env  func(*testing.T) []string
	}{
		{"embedded", func(*testing.T) []string { return nil }},
		{"MongoDB and Redis", func(t *testing.T) []string {
			return []string{"MONGO_URI", testenv.Mongo(t), "REDIS_URL", testenv.Redis(t).URL}
		}},
		{"MongoDB alone", func(t *testing.T) []string { return []string{"MONGO_URI", testenv.Mongo(t)} }},
		{"Redis alone", func(t *testing.T) []string { return []string{"REDIS_URL", testenv.Redis(t).URL} }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := newTranscript(t, tc.env(t)).run()
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
				*update = false // the others are compared with the first
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if d := gocmp.Diff(string(want), got); d != "" {
				t.Error(d)
			}
		})
	}
}

// step is a request of the script. Its path may contain the names that the
// transcript gives to ids, and THEN for the time of the first such step.
type step struct {
	about   string
	request string   // method and path
	headers []string // names and values
	body    string
	// dead is the number of dead letters to wait for before the request.
	dead int64
	// insist repeats the request until the answer is 429, and records that answer.
	insist bool
}

// transcript records the answers of a server.
type transcript struct {
	t     *testing.T
	app   *app
	url   string
	text  strings.Builder
	names map[string]string // of ids
	then  string            // the time that THEN stands for
}

// newTranscript starts a server without its listener.
func newTranscript(t *testing.T, pairs []string) *transcript {
	t.Helper()
	return newTranscriptWith(t, pairs, func(*config.Config) {})
}

// newTranscriptWith starts a server whose configuration was changed.
func newTranscriptWith(t *testing.T, pairs []string, change func(c *config.Config)) *transcript {
	t.Helper()
	t.Chdir(t.TempDir()) // without an .env
	c, err := config.Load(nil, env(append([]string{
		"ADMIN_TOKEN", "secret", "DATA_DIR", t.TempDir(), "UPLOAD_LIMIT", "60", "UPLOAD_WINDOW_SECONDS", "3600", "LOG_LEVEL", "error",
		"AUDIT_INTERVAL_SECONDS", "0", "DIMENSIONS", "test_id,country",
		"RETAIN_EVENTS", "90d", "RETAIN_REJECTED", "36h",
	}, pairs...)...))
	if err != nil {
		t.Fatal(err)
	}
	change(c)
	a, err := open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(a.api)
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- a.service.Run(ctx) }()
	t.Cleanup(func() {
		server.Close()
		stop()
		if err := cmp.Or(<-ended, a.close()); err != nil {
			t.Error(err)
		}
	})
	return &transcript{t: t, app: a, url: server.URL, names: map[string]string{}}
}

func (s *transcript) run() string {
	s.t.Helper()
	// A job that this version does not know, as a newer one might enqueue.
	if err := s.app.backends.Queue.Enqueue(s.t.Context(), queue.Job{Kind: "novelty", ID: "1"}); err != nil {
		s.t.Fatal(err)
	}
	for i, step := range script() {
		s.waitForDead(step.dead)
		for {
			res := s.send(i, &step)
			if !step.insist || res.StatusCode == http.StatusTooManyRequests {
				s.record(&step, res)
				break
			}
			_ = res.Body.Close()
		}
	}
	return s.text.String()
}

func (s *transcript) waitForDead(n int64) {
	s.t.Helper()
	for deadline := time.Now().Add(time.Minute); n > 0; time.Sleep(10 * time.Millisecond) {
		stats, err := s.app.backends.Queue.Stats(s.t.Context())
		if err != nil || time.Now().After(deadline) {
			s.t.Fatalf("waiting for %d dead letters: %+v %v", n, stats, err)
		}
		if stats.Dead == n {
			return
		}
	}
}

func (s *transcript) send(i int, step *step) *http.Response {
	s.t.Helper()
	method, path, _ := strings.Cut(step.request, " ")
	for id, name := range s.names {
		path = strings.ReplaceAll(path, name, id)
	}
	if strings.Contains(path, "THEN") {
		s.then = cmp.Or(s.then, time.Now().UTC().Format("2006-01-02T15:04:05.000Z"))
		path = strings.ReplaceAll(path, "THEN", s.then)
	}
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(step.body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer secret")
	req.Header.Set("Accept-Encoding", "identity")
	req.Header.Set("X-Request-Id", fmt.Sprintf("step-%d", i+1))
	for j := 0; j < len(step.headers); j += 2 {
		req.Header.Del(step.headers[j])
		if step.headers[j+1] != "" {
			req.Header.Set(step.headers[j], step.headers[j+1])
		}
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	return res
}

func (s *transcript) record(step *step, res *http.Response) {
	s.t.Helper()
	body, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err != nil {
		s.t.Fatal(err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "=== %s\n> %s\n", step.about, step.request)
	for i := 0; i < len(step.headers); i += 2 {
		fmt.Fprintf(&b, "> %s: %s\n", step.headers[i], step.headers[i+1])
	}
	fmt.Fprintf(&b, "< %s\n", res.Status)
	for _, name := range slices.Sorted(maps.Keys(res.Header)) {
		if name == "Etag" && strings.Contains(step.request, "THEN") { // it depends on the time too
			res.Header.Set(name, `W/"`+strings.Repeat("0", 32)+`"`)
		}
		values := slices.DeleteFunc(slices.Clone(res.Header[name]), func(v string) bool { return name == "Vary" && v == "Accept-Encoding" })
		if len(values) > 0 && !slices.Contains(unrecorded, name) {
			fmt.Fprintf(&b, "< %s: %s\n", name, strings.Join(values, ", "))
		}
	}
	fmt.Fprintf(&b, "%s\n", body)
	s.text.WriteString(s.normal(b.String()))
}

// unrecorded are headers that always change, or never. So does a Vary of the
// encoding.
var unrecorded = []string{"Date", "Content-Length", "Content-Security-Policy", "Referrer-Policy", "X-Content-Type-Options", "X-Request-Id"}

var (
	uuid   = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`)
	moving = []struct {
		form *regexp.Regexp
		now  string
	}{
		{regexp.MustCompile(`"(at|created_at|updated_at|expires_at|started_at|began_at|completed_at|as_of|time)":"[^"]+"`), `"$1":"TIME"`},
		{regexp.MustCompile(`("uptime":[0-9.]+,"version"):"[^"]*"`), `$1:"VERSION"`},
		{regexp.MustCompile(`"(timestamp|uptime|duration_seconds)":[0-9.e-]+`), `"$1":NUMBER`},
		{regexp.MustCompile(`"subject_hash":"[0-9a-f]{64}"`), `"subject_hash":"` + strings.Repeat("0", 64) + `"`},
		// What is left of the limit: while Redis answers late, it is counted locally.
		{regexp.MustCompile(`"default";r=[0-9]+`), `"default";r=0`},
		{regexp.MustCompile(`(;t=|Retry-After: )[0-9]+`), `${1}SECONDS`},
		{regexp.MustCompile(`try again in [0-9]+ seconds?`), `try again in SECONDS`},
		{regexp.MustCompile(`, after [0-9T:-]+Z`), `, after TOMORROW`},
	}
)

// normal names ids in the order of appearance, and hides times.
func (s *transcript) normal(text string) string {
	text = uuid.ReplaceAllStringFunc(text, func(id string) string {
		if s.names[id] == "" {
			s.names[id] = fmt.Sprintf("BATCH-%02d", len(s.names)+1)
		}
		return s.names[id]
	})
	for _, m := range moving {
		text = m.form.ReplaceAllString(text, m.now)
	}
	return text
}
