package httpapi_test

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestTheDashboardLoadsOnlyWhatIsItsOwn(t *testing.T) {
	a := start(t, setup{prefix: "/under/here"})
	page := a.get("/", "Authorization", "")
	if page.status != http.StatusOK || !strings.HasPrefix(page.header.Get("Content-Type"), "text/html") {
		t.Fatalf("%d %s", page.status, page.header.Get("Content-Type"))
	}
	policy := page.header.Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'none'", "script-src 'self'", "require-trusted-types-for 'script'", "frame-ancestors 'none'"} {
		if !strings.Contains(policy, part) {
			t.Errorf("the policy %q lacks %s", policy, part)
		}
	}
	if strings.Contains(policy, "unsafe") {
		t.Errorf("the policy %q is unsafe", policy)
	}
	links := regexp.MustCompile(`(?:href|src)="(assets/[^"]+)"`).FindAllStringSubmatch(page.body, -1)
	if len(links) < 4 {
		t.Errorf("the page loads %v", links)
	}
	modules, err := filepath.Glob("ui/*.js")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range modules { // else the browser finds them one after the other
		if !strings.Contains(page.body, `="assets/`+filepath.Base(path)+`"`) {
			t.Errorf("the page does not name %s", path)
		}
	}
	for _, link := range links {
		if res := a.get("/"+link[1], "Authorization", ""); res.status != http.StatusOK {
			t.Errorf("%s: %d", link[1], res.status)
		}
	}
}

func TestAssetsAreServedAsWhatTheyAre(t *testing.T) {
	a := start(t, setup{})
	for path, content := range map[string]string{
		"app.js": "text/javascript; charset=utf-8", "style.css": "text/css; charset=utf-8", "icon.svg": "image/svg+xml",
		"vendor/uPlot.LICENSE": "text/plain; charset=utf-8",
	} {
		res := a.get("/assets/"+path, "Authorization", "")
		if got := res.header.Get("Content-Type"); res.status != http.StatusOK || got != content {
			t.Errorf("%s: %d %s, want %s", path, res.status, got, content)
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

// The files of others are what was fetched, to the byte; see ui/vendor.sh.
func TestVendoredFilesHaveTheirSums(t *testing.T) {
	a := start(t, setup{})
	sums, err := os.ReadFile("ui/vendor/SHA256SUMS")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(sums)) {
		want, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		sum := sha256.Sum256([]byte(a.get("/assets/vendor/"+name, "Authorization", "").body))
		if got := hex.EncodeToString(sum[:]); got != want {
			t.Errorf("%s has the sum %s, want %s", name, got, want)
		}
	}
}
