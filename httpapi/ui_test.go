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
		if res := a.get("/"+link[1], "Authorization", ""); res.status != http.StatusOK {
			t.Errorf("%s: %d", link[1], res.status)
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
	for _, path := range []string{"", "vendor", "nothing.js", "..%2fui.go", "%2e%2e/ui.go"} {
		if res := a.get("/assets/"+path, "Authorization", ""); res.status != http.StatusNotFound && res.status != http.StatusTemporaryRedirect {
			t.Errorf("/assets/%s: %d %.80s", path, res.status, res.body)
		}
	}
}
