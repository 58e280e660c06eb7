package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics/internal/test/eventgen"
)

// TestMain runs the server instead of the tests in a child process.
func TestMain(m *testing.M) {
	if os.Getenv("REFSERVER_CHILD") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// server is a refserver in a process of its own.
type server struct {
	t     *testing.T
	cmd   *exec.Cmd
	url   string
	ops   string // where Prometheus would look, if OPS_ADDR is set
	token string
	made  chan string // a token that the server has made and printed
	ended chan error
}

// startServer starts a server on the data in dir.
func startServer(t *testing.T, dir string, env ...string) *server {
	t.Helper()
	s := &server{t: t, token: "secret", made: make(chan string, 1), ended: make(chan error, 1)}
	s.cmd = exec.Command(os.Args[0])
	s.cmd.Dir = t.TempDir() // without an .env
	s.cmd.Env = append(append(os.Environ(), "REFSERVER_CHILD=1", "PORT=0", "OPS_ADDR=off", "UPLOAD_LIMIT=0",
		"ADMIN_TOKEN=secret", "DATA_DIR="+dir), env...)
	stderr, err := s.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.stop(syscall.SIGKILL) })
	s.waitForURL(stderr)
	return s
}

// waitForURL reads the log until it names the address, and goes on reading.
func (s *server) waitForURL(stderr io.Reader) {
	s.t.Helper()
	form := regexp.MustCompile(`msg=listening url=(http://\S+)/`)
	ops := regexp.MustCompile(`msg="listening for operators" url=(\S+)`)
	lines := bufio.NewScanner(stderr)
	var log strings.Builder
	for lines.Scan() {
		fmt.Fprintln(&log, lines.Text())
		if found := ops.FindStringSubmatch(lines.Text()); found != nil {
			s.ops = found[1]
		}
		if found := form.FindStringSubmatch(lines.Text()); found != nil {
			s.url = found[1]
			go func() {
				for lines.Scan() { // or the server would block
					if _, token, ok := strings.Cut(lines.Text(), "#token="); ok {
						s.made <- token
					}
				}
				s.ended <- s.cmd.Wait()
			}()
			return
		}
	}
	s.t.Fatalf("server did not start: %v\n%s", s.cmd.Wait(), log.String())
}

// stop sends a signal and waits for the end.
func (s *server) stop(signal os.Signal) error {
	_ = s.cmd.Process.Signal(signal)
	select {
	case err := <-s.ended:
		s.ended <- err // for the next call
		return err
	case <-time.After(time.Minute):
		s.t.Error("server does not end")
		return s.cmd.Process.Kill()
	}
}

func (s *server) do(method, path string, body io.Reader, headers ...string) (int, string, error) {
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, body)
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	req.Header.Set("Content-Type", "text/csv")
	req.Header.Set("Prefer", "wait=30")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return res.StatusCode, string(text), err
}

// get returns a body that must be there.
func (s *server) get(path string) string {
	s.t.Helper()
	status, body, err := s.do(http.MethodGet, path, nil)
	if err != nil || status != http.StatusOK {
		s.t.Fatalf("GET %s: %d %s %v", path, status, body, err)
	}
	return body
}

func TestSampleFilesAgainstTheServer(t *testing.T) {
	s := startServer(t, t.TempDir())
	sample, err := os.ReadFile("testdata/events.csv")
	if err != nil {
		t.Fatal(err)
	}
	send := func(key string) string {
		status, body, err := s.do(http.MethodPost, "/uploads?process=true&on_duplicate=allow", bytes.NewReader(sample), "Idempotency-Key", key)
		if err != nil || status != http.StatusCreated {
			t.Fatalf("upload: %d %s %v", status, body, err)
		}
		return body
	}
	first := send("one")
	var receipt struct {
		Inserted int `json:"inserted_count"`
		Failed   int `json:"failed_count"`
		Errors   []struct {
			Row    int
			Reason string `json:"error_reason"`
		}
	}
	if err := json.Unmarshal([]byte(first), &receipt); err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("%d %d %v", receipt.Inserted, receipt.Failed, receipt.Errors)
	if want := "5 3 [{6 candidate_id is missing} {7 event_type is missing} {8 timestamp is missing}]"; got != want {
		t.Errorf("receipt is %s, want %s", got, want)
	}
	const d8 = `{"date":"2025-11-08","metrics":[{"event_type":"question_answered","count":1},{"event_type":"test_abandoned","count":1},{"event_type":"test_started","count":1}]}`
	const d9 = `{"date":"2025-11-09","metrics":[{"event_type":"test_started","count":1}]}`
	const d10 = `{"date":"2025-11-10","metrics":[{"event_type":"test_completed","count":1}]}`
	want := map[string]string{
		"":                               `{"count":3,"data":[` + d8 + "," + d9 + "," + d10 + "]}\n",
		"?date=2025-11-09":               `{"count":1,"data":[` + d9 + "]}\n",
		"?from=2025-11-09":               `{"count":2,"data":[` + d9 + "," + d10 + "]}\n",
		"?from=2025-11-08&to=2025-11-09": `{"count":2,"data":[` + d8 + "," + d9 + "]}\n",
		"?event_type=test_started":       `{"count":2,"data":[{"date":"2025-11-08","metrics":[{"event_type":"test_started","count":1}]},` + d9 + "]}\n",
	}
	check := func() {
		t.Helper()
		for query, body := range want {
			if d := cmp.Diff(body, s.get("/metrics"+query)); d != "" {
				t.Errorf("%q: %s", query, d)
			}
		}
	}
	check()
	if again := send("one"); again != first {
		t.Errorf("the same key answers %s, first it was %s", again, first)
	}
	check()
	send("two")
	for query, body := range want {
		want[query] = strings.ReplaceAll(body, `"count":1}`, `"count":2}`)
	}
	check()
	if err := s.stop(syscall.SIGTERM); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
}

func TestMissingColumnIsNamed(t *testing.T) {
	s := startServer(t, t.TempDir())
	f, err := os.Open("testdata/eventsError.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	status, body, err := s.do(http.MethodPost, "/uploads", f)
	if err != nil || status != http.StatusUnprocessableEntity || !strings.Contains(body, `"missing_columns":["timestamp"]`) {
		t.Errorf("%d %s %v", status, body, err)
	}
}

func TestAGeneratedTokenIsPrintedAndKept(t *testing.T) {
	dir := t.TempDir()
	var first string
	for i := range 2 {
		s := startServer(t, dir, "ADMIN_TOKEN=")
		select {
		case s.token = <-s.made:
			s.get("/batches")
		case <-time.After(time.Minute):
			t.Fatal("no token was printed")
		}
		if i > 0 && s.token != first {
			t.Errorf("after a restart the token is %q, was %q", s.token, first)
		}
		first = s.token
		t.Chdir(t.TempDir()) // without an .env
		var out strings.Builder
		if err := run(t.Context(), quiet(&out, "REFSERVER_URL", s.url, "DATA_DIR", dir), []string{"metrics"}); err != nil {
			t.Errorf("a command finds no token: %v", err)
		}
		if err := s.stop(syscall.SIGTERM); err != nil {
			t.Errorf("after SIGTERM: %v", err)
		}
	}
}

func TestSecondServerIsKeptOffTheData(t *testing.T) {
	dir := t.TempDir()
	first := startServer(t, dir)
	t.Chdir(t.TempDir())
	err := run(t.Context(), quiet(io.Discard, "DATA_DIR", dir, "PORT", "0", "OPS_ADDR", "off"), nil)
	if err == nil || !strings.Contains(err.Error(), "in use by a running server; stop it, or set another DATA_DIR") {
		t.Errorf("second server: %v", err)
	}
	_ = first.stop(syscall.SIGKILL) // the lock is released
	startServer(t, dir)
}

func TestBackendThatIsAwayEndsTheStartWithOneLine(t *testing.T) {
	for setting, address := range map[string]string{
		"MONGO_URI": "mongodb://user:hunter2@127.0.0.1:1/x",
		"REDIS_URL": "redis://user:hunter2@127.0.0.1:1/0",
	} {
		t.Run(setting, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), os.Args[0])
			cmd.Dir = t.TempDir() // without an .env
			cmd.Env = append(os.Environ(), "REFSERVER_CHILD=1", "PORT=0", "OPS_ADDR=off", setting+"="+address)
			out, err := cmd.CombinedOutput()
			text := string(out)
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != 1 || strings.Count(text, "\n") != 1 ||
				!strings.HasPrefix(text, "refserver: "+setting+": ") || strings.Contains(text, "hunter2") {
				t.Errorf("%v: %s", err, text)
			}
		})
	}
}

// TestKillDuringUploadAndProcessing kills the server at random moments and
// starts it again: each file counts as a recount says, or is absent.
func TestKillDuringUploadAndProcessing(t *testing.T) {
	rows, rounds := int64(300_000), 10
	if testing.Short() {
		rounds = 3
	}
	path := filepath.Join(t.TempDir(), "events.csv")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	oracle, err := eventgen.Write(f, &eventgen.Options{Rows: rows, Days: 2, Types: []string{"a"}, Broken: 0.01})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var whole time.Duration // duration of an upload that is not interrupted
	for round := range rounds {
		s := startServer(t, dir)
		if round > 0 {
			timer := time.AfterFunc(rand.N(whole), func() { _ = s.cmd.Process.Kill() })
			defer timer.Stop()
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		_, _, _ = s.do(http.MethodPost, "/uploads?process=true", io.NopCloser(f), "Idempotency-Key", strconv.Itoa(round))
		if round == 0 {
			whole = time.Since(start)
		}
		_ = s.stop(syscall.SIGKILL)
	}
	s := startServer(t, dir)
	batches := s.waitForBatches()
	want := map[string]int64{}
	for cell, n := range oracle.Counts {
		if batches > 0 {
			want[cell.Day.String()] = n * batches
		}
	}
	t.Logf("%d of %d uploads were there after the kills", batches, rounds)
	if d := cmp.Diff(want, s.counts()); d != "" {
		t.Error(d)
	}
}

// waitForBatches processes what was uploaded only, waits until nothing is in
// line, and returns the number of batches.
func (s *server) waitForBatches() int64 {
	s.t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for {
		var list struct {
			Data []struct {
				ID     string `json:"batch_id"`
				Status string
			}
		}
		if err := json.Unmarshal([]byte(s.get("/batches")), &list); err != nil {
			s.t.Fatal(err)
		}
		open := 0
		for _, b := range list.Data {
			if b.Status == "uploaded" {
				_, _, _ = s.do(http.MethodPost, "/batches/"+b.ID+"/process", nil)
			}
			if b.Status != "completed" {
				open++
			}
		}
		if open == 0 {
			return int64(len(list.Data))
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("batches are still queued: %+v", list.Data)
		}
		time.Sleep(20 * time.Millisecond) // between looks at another process
	}
}

// counts returns the count of event type a by day.
func (s *server) counts() map[string]int64 {
	s.t.Helper()
	status, body, err := s.do(http.MethodGet, "/metrics?format=ndjson", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	got := map[string]int64{}
	if status == http.StatusNotFound {
		return got
	}
	for line := range strings.Lines(body) {
		var point struct {
			Date  string
			Count int64
		}
		if err := json.Unmarshal([]byte(line), &point); err != nil {
			s.t.Fatal(err)
		}
		got[point.Date] = point.Count
	}
	return got
}
