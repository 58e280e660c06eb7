package main

import (
	"context"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/httpapi"
	"github.com/eventmetrics/eventmetrics/queue/memqueue"
	"github.com/eventmetrics/eventmetrics/store/memstore"
)

func TestTheTokenOfAFreshServerIsFound(t *testing.T) {
	dir := t.TempDir()
	if got := kept(dir); got != "" {
		t.Errorf("without a server: %q", got)
	}
	if err := os.WriteFile(filepath.Join(dir, "admin-token"), []byte("ABC\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := kept(dir); got != "ABC" {
		t.Errorf("got %q", got)
	}
}

func TestDifferencesAreFound(t *testing.T) {
	service := eventmetrics.New(memstore.New(), memqueue.New(nil), nil)
	api, err := httpapi.New(service, &httpapi.Options{Token: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(api)
	defer server.Close()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- service.Run(ctx) }()
	defer func() { stop(); <-done }()

	c := &client{url: server.URL, token: "secret"}
	dir := filepath.Join("..", "..", "ingest", "testdata", "cases")
	var out strings.Builder
	if n, err := run(t.Context(), c, dir, &out); n != 0 || err != nil {
		t.Errorf("%d differences, %v\n%s", n, err, out.String())
	}
	defer func(right []byte) { expectations = right }(expectations)
	expectations = []byte(`[{"file": "nbsp.csv", "steps": [{"want": "2 accepted, 0 rejected; 2025-11-08 start +1"}]}]`)
	out.Reset()
	if n, err := run(t.Context(), c, dir, &out); n != 4 || err != nil || !strings.Contains(out.String(), "DIFFERENT nbsp.csv (dry run, body)\n") {
		t.Errorf("%d differences, %v\n%s", n, err, out.String())
	}
	c.token = "wrong"
	if _, err := run(t.Context(), c, dir, &out); err == nil {
		t.Error("a wrong token is no error")
	}
}
