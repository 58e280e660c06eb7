package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
)

// manyRows is a file that does not fit a small disk, and is never in memory.
func manyRows(n int) io.Reader {
	r, w := io.Pipe()
	go func() {
		_, err := io.WriteString(w, header)
		for i := 0; i < n && err == nil; i++ {
			_, err = fmt.Fprintf(w, "C%d-%08x,T%d,type_%d,2025-11-%02dT%02d:%02d:00Z\n", i, uint32(i)*2654435761, i%9, i%5, 1+i%28, i%24, i%60)
		}
		w.CloseWithError(err)
	}()
	return r
}

func TestAServerSurvivesAFullDisk(t *testing.T) {
	dir := testenv.Tmpfs(t, 12<<20)
	s := startServer(t, dir)
	s.uploads("before", http.StatusCreated)
	const query = "/metrics?from=2025-11-01&to=2025-11-30"
	want := s.get(query)

	status, body, err := s.do(http.MethodPost, "/uploads", manyRows(2_000_000))
	if err != nil || status != http.StatusInsufficientStorage || !strings.Contains(body, `"code":"storage_full"`) {
		t.Fatalf("a file that does not fit: %d %s %v", status, body, err)
	}
	s.uploads("small", http.StatusCreated)

	release := testenv.FillDisk(t, dir)
	s.isFull("another program has filled the disk")
	if got := s.get(query); got == want {
		t.Error("the second file does not count")
	}
	want = s.get(query)
	if err := s.stop(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	releaseRest := testenv.FillDisk(t, dir)
	s = startServer(t, dir)
	s.isFull("started on a full disk")
	if got := s.get(query); got != want {
		t.Errorf("answers after a start on a full disk: got %s, want %s", got, want)
	}

	release()
	releaseRest()
	s.get("/readyz")
	s.uploads("after", http.StatusCreated)
}

// uploads uploads a small file of its own content, to be processed.
func (s *server) uploads(subject string, want int) {
	s.t.Helper()
	rows := header + subject + ",T1,small_" + subject + ",2025-11-08T09:00:00Z\n"
	status, body, err := s.do(http.MethodPost, "/uploads?process=true", strings.NewReader(rows))
	if err != nil || status != want || want == http.StatusCreated && !strings.Contains(body, `"status":"completed"`) {
		s.t.Fatalf("upload %s: %d %s %v, want %d", subject, status, body, err, want)
	}
}

func (s *server) isFull(when string) {
	s.t.Helper()
	status, body, err := s.do(http.MethodGet, "/readyz", nil)
	if err != nil || status != http.StatusInsufficientStorage || !strings.Contains(body, "queries are answered") {
		s.t.Fatalf("%s: /readyz: %d %s %v", when, status, body, err)
	}
	s.uploads(time.Now().Format("150405.000"), http.StatusInsufficientStorage)
}
