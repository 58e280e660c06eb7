package main

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/backends"
	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/upload"
)

// examine runs doctor and returns its output and its error.
func examine(t *testing.T, pairs ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := run(t.Context(), quiet(&out, append([]string{"PORT", "0", "OPS_ADDR", "off"}, pairs...)...), []string{"doctor"})
	return out.String(), err
}

// expect checks that each line begins a finding, and that doctor fails if one of
// them does.
func expect(t *testing.T, out string, err error, lines ...string) {
	t.Helper()
	fails := false
	for _, line := range lines {
		fails = fails || strings.HasPrefix(line, "fail")
		if !strings.Contains("\n"+out, "\n"+line) {
			t.Errorf("no line %q in\n%s", line, out)
		}
	}
	if (err != nil) != fails {
		t.Errorf("the error is %v after\n%s", err, out)
	}
}

// contents returns the files of a directory that hold data.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, name := range []string{"events.db", "queue.db"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = string(data)
	}
	return files
}

func TestDoctorListsAllMistakes(t *testing.T) {
	t.Chdir(t.TempDir())
	out, err := examine(t, "WORKERS", "0", "LOG_LEVEL", "loud", "MONGO_URI", "hunter2")
	expect(t, out, err, "fail  configuration   WORKERS", "fail  configuration   LOG_LEVEL", "fail  configuration   MONGO_URI")
	if strings.Contains(out, "hunter2") || strings.Count(out, "\n") != 3 {
		t.Errorf("printed %s", out)
	}
}

func TestDoctorCreatesNothing(t *testing.T) {
	t.Chdir(t.TempDir())
	out, err := examine(t, "DATA_DIR", "a/b")
	expect(t, out, err, "ok    data directory  a/b does not exist yet", "ok    store ", "ok    queue ", "ok    server ", "ok    time zones ")
	if left, _ := filepath.Glob("*"); left != nil {
		t.Errorf("it created %v", left)
	}
	if err := os.WriteFile("file", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"file", "file/below"} {
		out, err = examine(t, "DATA_DIR", dir)
		expect(t, out, err, "fail  data directory ")
	}
}

func TestDoctorChecksUnusedFiles(t *testing.T) {
	t.Chdir(t.TempDir())
	dir := t.TempDir()
	b, err := backends.Open(t.Context(), &backends.Options{DataDir: dir, Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Queue.Enqueue(t.Context(), queue.Job{Kind: "novelty", ID: "1"}); err != nil {
		t.Fatal(err)
	}
	killJobs(t, b.Queue)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	before := contents(t, dir)
	out, err := examine(t, "DATA_DIR", dir)
	expect(t, out, err, "ok    lock            free", "ok    store           SQLite: no damage found",
		"ok    queue           SQLite: 0 waiting, 0 delayed, 0 running, 1 dead", "warn  queue           dead letters: 1;")
	if d := cmp.Diff(before, contents(t, dir)); d != "" {
		t.Error("it changed the files")
	}
	for _, name := range []string{"events.db", "queue.db"} {
		if err := os.WriteFile(filepath.Join(dir, name), bytes.Repeat([]byte("nonsense"), 1000), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err = examine(t, "DATA_DIR", dir)
	expect(t, out, err, "fail  store ", "fail  queue ")
}

func TestDoctorNamesWhatIsDamaged(t *testing.T) {
	t.Chdir(t.TempDir())
	dir := t.TempDir()
	b, err := backends.Open(t.Context(), &backends.Options{DataDir: dir, Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	receipt, err := upload.New(b.Store, nil).Upload(t.Context(), upload.File{Body: strings.NewReader(
		"candidate_id,test_id,event_type,timestamp\nC1,T1,started,2025-11-08\n")})
	if err := errors.Join(err, b.Close()); err != nil {
		t.Fatal(err)
	}
	execute := func(statement string) {
		db, err := sql.Open("sqlite", filepath.Join(dir, "events.db"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = db.ExecContext(t.Context(), statement)
		if err := errors.Join(err, db.Close()); err != nil {
			t.Fatal(err)
		}
	}
	for _, damage := range []struct{ statement, want string }{
		{"UPDATE attachments SET data = CAST(replace(CAST(data AS TEXT), 'c', 'd') AS BLOB)", "fail  store           SQLite: damaged: attachment, batch "},
		{"UPDATE batches SET file_name = 'other'", "fail  store           SQLite: damaged: batch, batch "},
	} {
		execute(damage.statement)
		out, err := examine(t, "DATA_DIR", dir)
		expect(t, out, err, damage.want+receipt.Batch.ID)
	}
}

// killJobs fails the jobs of a queue until there is a dead letter.
func killJobs(t *testing.T, q queue.Queue) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan error, 1)
	go func() {
		ended <- q.Consume(ctx, func(context.Context, queue.Job) error { return queue.Permanent(os.ErrInvalid) })
	}()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		stats, err := q.Stats(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if stats.Dead > 0 {
			stop()
			if err := <-ended; err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatal("no dead letter")
}

func TestDoctorChecksARunningServer(t *testing.T) {
	dir := t.TempDir()
	s := startServer(t, dir)
	t.Chdir(t.TempDir())
	_, port, err := net.SplitHostPort(strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	out, err := examine(t, "DATA_DIR", dir, "PORT", port, "ADMIN_TOKEN", "secret")
	expect(t, out, err, "ok    lock            held by a running server", "ok    store           SQLite: not checked", "ok    server          running on ")
	out, err = examine(t, "DATA_DIR", dir, "PORT", port, "ADMIN_TOKEN", "other")
	expect(t, out, err, "warn  server          the running server has another ADMIN_TOKEN")
	out, err = examine(t, "DATA_DIR", t.TempDir(), "PORT", port)
	expect(t, out, err, "fail  server ")
	out, err = examine(t, "DATA_DIR", dir)
	expect(t, out, err, "fail  server          a running server uses DATA_DIR but does not listen")
	s.get("/batches") // it was not disturbed
	_ = s.stop(syscall.SIGKILL)
	out, err = examine(t, "DATA_DIR", dir, "PORT", port)
	expect(t, out, err, "ok    lock            free", "ok    server ")
}

func TestDoctorDetectsOtherPrograms(t *testing.T) {
	t.Chdir(t.TempDir())
	other := httptest.NewServer(nil)
	defer other.Close()
	address := strings.TrimPrefix(other.URL, "http://")
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	out, err := examine(t, "DATA_DIR", t.TempDir(), "PORT", port, "OPS_ADDR", address)
	expect(t, out, err, "fail  server          "+address+" is in use by another program", "fail  operators ")
}

func TestDoctorChecksMongoAndRedis(t *testing.T) {
	mongo := testenv.Mongo(t)
	redis := testenv.Redis(t)
	t.Chdir(t.TempDir())
	pairs := []string{"MONGO_URI", mongo, "REDIS_URL", redis.URL}
	out, err := examine(t, pairs...)
	expect(t, out, err, "ok    store           MongoDB: read and write access", "ok    clock           the clock of MongoDB", "ok    queue           Redis: 0 waiting", "ok    clock           the clock of Redis")
	redis.Kill()
	out, err = examine(t, pairs...)
	expect(t, out, err, "ok    store ", "fail  queue           Redis: ")
}
