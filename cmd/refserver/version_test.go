package main

import (
	"io"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestTheVersionIsTheSameEverywhere(t *testing.T) {
	defer func(before string) { version = before }(version)
	version = "v9.8.7" // as the linker does
	s := newTranscript(t, nil)
	answer := httptest.NewRecorder()
	s.app.api.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), "GET", "/health", nil))
	if body := answer.Body.String(); !strings.Contains(body, `"version":"v9.8.7"`) {
		t.Errorf("health is %s", body)
	}
	scrape := httptest.NewRecorder()
	s.app.exporter.Handler(s.app.api).ServeHTTP(scrape, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
	if text, _ := io.ReadAll(scrape.Body); !strings.Contains(string(text), `,version="v9.8.7"} 1`) {
		t.Errorf("no build_info in %s", text)
	}
	p := &user{t: t, url: s.url}
	for args, want := range map[string]string{"-version": "refserver version v9.8.7\n", "version": "version   v9.8.7\n"} {
		if err := p.run(args); err != nil || !strings.HasPrefix(p.out.Take(), want) {
			t.Errorf("%s: %v", args, err)
		}
	}
}
