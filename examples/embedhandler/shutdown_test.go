package main

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// freeAddress returns an address that nothing listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// openDashboard opens a stream as a dashboard does, and returns it when its first
// line has come.
func openDashboard(t *testing.T, address string) *http.Response {
	t.Helper()
	for {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/analytics/batches/events", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.SetBasicAuth("alice", "")
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			time.Sleep(10 * time.Millisecond) // the program does not listen yet
			continue
		}
		line, err := bufio.NewReader(res.Body).ReadString('\n')
		if res.StatusCode != http.StatusOK || err != nil || !strings.HasPrefix(line, "retry:") {
			t.Fatalf("%s: %q, %v", res.Status, line, err)
		}
		return res
	}
}

func TestAnOpenDashboardDoesNotDelayTheEnd(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	ctx, stop := context.WithCancel(t.Context())
	address, ended := freeAddress(t), make(chan error, 1)
	go func() { ended <- run(ctx, t.TempDir(), address) }()
	res := openDashboard(t, address)
	stop() // as SIGTERM does
	// Shutdown returns an error if it has to wait for its whole time.
	if err := <-ended; err != nil {
		t.Errorf("the program ended with %v", err)
	}
	if err := res.Body.Close(); err != nil {
		t.Error(err)
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestAnAddressInUseIsAnError(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := run(t.Context(), t.TempDir(), l.Addr().String()); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("got %v, want that the address is in use", err)
	}
}
