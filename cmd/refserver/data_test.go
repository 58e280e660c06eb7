package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/cli"
)

// command runs a command of the program on a data directory.
func command(t *testing.T, dir string, in io.Reader, args ...string) (out string, err error) {
	t.Helper()
	var buf bytes.Buffer
	terminal := &cli.Terminal{In: in, Out: &buf, Err: io.Discard, Getenv: env("DATA_DIR", dir)}
	err = run(t.Context(), terminal, args)
	return buf.String(), err
}

const allDays = "/metrics?from=2025-01-01&to=2025-12-31"

// agrees checks that the events of a server sum to its ledger, and that no job
// is lost.
func (s *server) agrees() {
	s.t.Helper()
	status, body, err := s.do(http.MethodPost, "/admin/reprocess", nil)
	if err != nil || status != http.StatusOK || !strings.Contains(body, `"drifted_count":0`) || !strings.Contains(body, `"unreadable_count":0`) {
		s.t.Errorf("reprocess: %d %s %v", status, body, err)
	}
}

func TestABackupOfARunningServerIsRestored(t *testing.T) {
	t.Chdir(t.TempDir()) // without an .env
	dir, copied := t.TempDir(), filepath.Join(t.TempDir(), "backup")
	s := startServer(t, dir)
	for i := range 5 {
		s.uploads(fmt.Sprint("S", i), http.StatusCreated)
	}
	want := s.get(allDays)
	// Others upload and process meanwhile.
	var uploading sync.WaitGroup
	stop := make(chan struct{})
	uploading.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				s.uploads(fmt.Sprint("M", i), http.StatusCreated)
			}
		}
	})
	out, err := command(t, dir, nil, "backup", copied)
	archive, streamErr := command(t, dir, nil, "backup", "-")
	close(stop)
	uploading.Wait()
	if err != nil || out != "backed up queue.db and events.db to "+copied+"\n" || streamErr != nil {
		t.Fatal(out, err, streamErr)
	}
	if _, err := command(t, dir, nil, "backup", copied); err == nil || !strings.Contains(err.Error(), "is not empty") {
		t.Errorf("a backup over another: %v", err)
	}
	if _, err := command(t, dir, nil, "restore", copied); err == nil || !strings.Contains(err.Error(), "in use by a running server; stop it, or set another DATA_DIR") {
		t.Errorf("restore beside a running server: %v", err)
	}
	if _, err := command(t, dir, nil, "compact"); err == nil || !strings.Contains(err.Error(), "in use by a running server; stop it, or set another DATA_DIR") {
		t.Errorf("compact beside a running server: %v", err)
	}
	if err := s.stop(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	if _, err := command(t, dir, nil, "restore", copied); err == nil || !strings.Contains(err.Error(), "has data") {
		t.Errorf("restore over other data: %v", err)
	}

	for name, from := range map[string]string{"a directory": copied, "an archive": "-"} {
		t.Run(name, func(t *testing.T) {
			restored := filepath.Join(t.TempDir(), "data")
			if out, err := command(t, restored, strings.NewReader(archive), "restore", from); err != nil {
				t.Fatal(out, err)
			}
			s := startServer(t, restored)
			got := s.get(allDays)
			for i := range 5 {
				if !strings.Contains(got, fmt.Sprintf(`"small_S%d","count":1`, i)) {
					t.Errorf("batch S%d is missing: %s; there was %s", i, got, want)
				}
			}
			s.agrees()
			s.uploads("later", http.StatusCreated)
		})
	}
}

func TestARestoreThatIsNotABackupLeavesNothing(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, archive := range map[string]string{"nothing": "", "no archive": "nonsense"} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			if _, err := command(t, dir, strings.NewReader(archive), "restore", "-"); err == nil {
				t.Fatal("want an error")
			}
			entries, err := os.ReadDir(dir)
			if err != nil || len(entries) != 1 || entries[0].Name() != "lock" {
				t.Errorf("%v is left, %v", entries, err)
			}
		})
	}
}

func TestCompactReturnsTheSpaceOfDeletedBatches(t *testing.T) {
	t.Chdir(t.TempDir())
	dir := t.TempDir()
	s := startServer(t, dir)
	s.uploads("kept", http.StatusCreated)
	status, body, err := s.do(http.MethodPost, "/uploads", manyRows(200_000))
	if err != nil || status != http.StatusCreated {
		t.Fatal(status, body, err)
	}
	_, id, _ := strings.Cut(body, `"batch_id":"`)
	id, _, _ = strings.Cut(id, `"`)
	if status, body, err := s.do(http.MethodDelete, "/batches/"+id, nil); err != nil || status >= 300 {
		t.Fatal(status, body, err)
	}
	want := s.get(allDays)
	_ = s.stop(syscall.SIGKILL) // what is in its log counts
	before := size(t, dir, "events.db")
	out, err := command(t, dir, nil, "compact")
	if err != nil || !strings.Contains(out, "events.db: ") || !strings.Contains(out, "queue.db: ") {
		t.Fatal(out, err)
	}
	if after := size(t, dir, "events.db"); after > before/4 || after > 1<<20 {
		t.Errorf("events.db has %d bytes, and had %d", after, before)
	}
	s = startServer(t, dir)
	if got := s.get(allDays); got != want {
		t.Errorf("answers after compact: got %s, want %s", got, want)
	}
	s.agrees()
	s.uploads("later", http.StatusCreated)
}

func size(t *testing.T, dir, name string) (size int64) {
	t.Helper()
	for _, suffix := range []string{"", "-wal"} {
		if info, err := os.Stat(filepath.Join(dir, name+suffix)); err == nil {
			size += info.Size()
		}
	}
	return size
}

// A copy of the directory is a backup, whether its server has ended or was
// killed.
func TestACopyOfTheDirectoryIsABackup(t *testing.T) {
	for name, signal := range map[string]syscall.Signal{"stopped": syscall.SIGTERM, "killed": syscall.SIGKILL} {
		t.Run(name, func(t *testing.T) {
			dir, copied := t.TempDir(), filepath.Join(t.TempDir(), "copy")
			s := startServer(t, dir)
			for i := range 3 {
				s.uploads(fmt.Sprint("S", i), http.StatusCreated)
			}
			want := s.get(allDays)
			_ = s.stop(signal)
			if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
			s = startServer(t, copied)
			if got := s.get(allDays); got != want {
				t.Errorf("answers of the copy: got %s, want %s", got, want)
			}
			s.agrees()
			s.uploads("later", http.StatusCreated)
		})
	}
}

func TestAQueueWithoutItsStoreIsRefused(t *testing.T) {
	t.Chdir(t.TempDir())
	dir := t.TempDir()
	s := startServer(t, dir)
	s.uploads("S", http.StatusCreated)
	if err := s.stop(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	path := filepath.Join(dir, "events.db")
	fresh := filepath.Join(t.TempDir(), "fresh")
	other := startServer(t, fresh)
	if err := other.stop(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	text, err := os.ReadFile(filepath.Join(fresh, "events.db"))
	if err != nil {
		t.Fatal(err)
	}
	for name, damage := range map[string]func() error{
		"missing": func() error { return os.Remove(path) },
		"empty":   func() error { return os.WriteFile(path, nil, 0o600) },
		"new":     func() error { return os.WriteFile(path, text, 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			if err := damage(); err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
			_, err := command(t, dir, nil, "serve", "-port", "0", "-ops-addr", "off")
			if err == nil || !strings.Contains(err.Error(), "queue.db has jobs of its batches: restore events.db from a backup") {
				t.Errorf("serve: %v", err)
			}
			if _, err := os.Stat(path); name == "missing" && err == nil {
				t.Error("serve has made a store")
			}
			out, err := examine(t, "DATA_DIR", dir)
			expect(t, out, err, "fail  store           SQLite: the store of this data directory is missing")
		})
	}
}
