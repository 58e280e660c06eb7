package httpapi_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// direct sends a request to a handler itself: the client of other tests asks for
// no compression.
func direct(t *testing.T, a *api, path string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
	r.Header.Set("Authorization", "Bearer "+token)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	a.handler.ServeHTTP(w, r)
	return w
}

func unzipped(t *testing.T, body io.Reader) string {
	t.Helper()
	z, err := gzip.NewReader(body)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestLongAnswersAreCompressed(t *testing.T) {
	a := start(t, setup{})
	var rows strings.Builder
	for day := range 28 {
		rows.WriteString("C1,T1,started,2025-11-" + string(rune('0'+(day+1)/10)) + string(rune('0'+(day+1)%10)) + "\n")
	}
	a.count(rows.String())
	for _, path := range []string{"/", "/assets/app.js", "/assets/vendor/uPlot.min.js", "/openapi.yaml", "/docs", "/metrics?from=2025-11-01&to=2025-11-28"} {
		plain, short := direct(t, a, path), direct(t, a, path, "Accept-Encoding", "br, gzip, zstd")
		if plain.Header().Get("Content-Encoding") != "" || short.Header().Get("Content-Encoding") != "gzip" {
			t.Errorf("%s: encodings %q and %q, want none and gzip", path, plain.Header().Get("Content-Encoding"), short.Header().Get("Content-Encoding"))
			continue
		}
		tag, size := plain.Header().Get("ETag"), short.Body.Len()
		if got := short.Header().Get("ETag"); got != tag || tag == "" {
			t.Errorf("%s: the tag is %s compressed and %s not", path, got, tag)
		}
		if got := unzipped(t, short.Body); got != plain.Body.String() {
			t.Errorf("%s differs compressed", path)
		}
		if size > plain.Body.Len()/2 {
			t.Errorf("%s: %d bytes of %d are left", path, size, plain.Body.Len())
		}
		for _, w := range []*httptest.ResponseRecorder{plain, short} {
			if !strings.Contains(strings.Join(w.Header().Values("Vary"), ","), "Accept-Encoding") {
				t.Errorf("%s: Vary is %q", path, w.Header().Values("Vary"))
			}
		}
		if again := direct(t, a, path, "Accept-Encoding", "gzip", "If-None-Match", tag); again.Code != http.StatusNotModified || again.Body.Len() > 0 {
			t.Errorf("%s with its tag: %d with %d bytes, want 304", path, again.Code, again.Body.Len())
		}
	}
	for accept, want := range map[string]string{"GZIP;q=0.5": "gzip", "br, gzip; q=1": "gzip", "gzip;q=0": "", "gzip;q=0.0, br": "", "deflate": "", "gzipped": ""} {
		if got := direct(t, a, "/assets/app.js", "Accept-Encoding", accept).Header().Get("Content-Encoding"); got != want {
			t.Errorf("with Accept-Encoding %q the encoding is %q, want %q", accept, got, want)
		}
	}
	if got := direct(t, a, "/health", "Accept-Encoding", "gzip").Header().Get("Content-Encoding"); got != "" {
		t.Errorf("a short answer has the encoding %q", got)
	}
}

func TestEventsAreNotCompressed(t *testing.T) {
	a := start(t, setup{})
	server := httptest.NewServer(a.handler)
	defer server.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/batches/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Accept-Encoding", "gzip")
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	first := make([]byte, 6)
	if _, err := io.ReadFull(res.Body, first); err != nil || string(first) != "retry:" {
		t.Errorf("the stream begins with %q, %v", first, err)
	}
	if got := res.Header.Get("Content-Encoding"); got != "" {
		t.Errorf("a stream has the encoding %q", got)
	}
}
