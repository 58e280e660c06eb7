package httpapi_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/eventmetrics/eventmetrics/httpapi/ui"
)

func TestTheDashboardLoadsOnlyItsOwnFiles(t *testing.T) {
	a := start(t, setup{prefix: "/under/here"})
	page := a.get("/", "Authorization", "")
	if page.status != http.StatusOK || !strings.HasPrefix(page.header.Get("Content-Type"), "text/html") {
		t.Fatalf("%d %s", page.status, page.header.Get("Content-Type"))
	}
	if got := page.header.Get("Content-Security-Policy"); got != ui.ContentSecurityPolicy {
		t.Errorf("the policy is %q", got)
	}
	for _, link := range regexp.MustCompile(`(?:href|src)="(assets/[^"]+)"`).FindAllStringSubmatch(page.body, -1) {
		res := a.get("/"+link[1], "Authorization", "")
		if got := res.header.Get("Cache-Control"); res.status != http.StatusOK || got != "public, max-age=31536000, immutable" {
			t.Errorf("%s: %d, Cache-Control %q", link[1], res.status, got)
		}
	}
}

func TestAssetsHaveTheirContentType(t *testing.T) {
	a := start(t, setup{})
	for path, content := range map[string]string{
		"app.js": "text/javascript; charset=utf-8", "style.css": "text/css; charset=utf-8", "icon.svg": "image/svg+xml",
		"vendor/uPlot.LICENSE": "text/plain; charset=utf-8",
	} {
		res := a.get("/assets/"+path, "Authorization", "")
		if got := res.header.Get("Content-Type"); res.status != http.StatusOK || got != content {
			t.Errorf("%s: %d %s, want %s", path, res.status, got, content)
		}
		if got := res.header.Get("Cache-Control"); got != "public, no-cache" {
			t.Errorf("%s: Cache-Control is %q", path, got)
		}
		again := a.get("/assets/"+path, "Authorization", "", "If-None-Match", res.header.Get("ETag"))
		if again.status != http.StatusNotModified || again.body != "" {
			t.Errorf("%s again: %d with %d bytes, want 304", path, again.status, len(again.body))
		}
	}
	// A page of another version of the program is served, but keeps nothing.
	if res := a.get("/assets/0123456789abcdef/app.js", "Authorization", ""); res.status != http.StatusOK || res.header.Get("Cache-Control") != "public, no-cache" {
		t.Errorf("a file of another version: %d, Cache-Control %q", res.status, res.header.Get("Cache-Control"))
	}
	for _, path := range []string{"", "vendor", "nothing.js", "index.html", "0123456789abcdef", "0123456789abcdef/nothing.js", "0123456789abcdef/index.html", "..%2fui.go", "%2e%2e/ui.go"} {
		if res := a.get("/assets/"+path, "Authorization", ""); res.status != http.StatusNotFound && res.status != http.StatusTemporaryRedirect {
			t.Errorf("/assets/%s: %d %.80s", path, res.status, res.body)
		}
	}
}
