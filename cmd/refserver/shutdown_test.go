package main

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
)

// TestSIGTERMEndsTheStreamOfADashboard reads the stream to its end: a server that
// waited for its whole time would cut the connection, which is an error.
func TestSIGTERMEndsTheStreamOfADashboard(t *testing.T) {
	s := startServer(t, t.TempDir())
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/batches/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer secret")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	stream := bufio.NewReader(res.Body)
	if line, err := stream.ReadString('\n'); err != nil || !strings.HasPrefix(line, "retry:") {
		t.Fatalf("%q, %v", line, err)
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(stream); err != nil {
		t.Errorf("the stream was cut: %v", err)
	}
	if err := s.stop(syscall.Signal(0)); err != nil {
		t.Errorf("the server ended with %v", err)
	}
}
