package ui_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/eventmetrics/eventmetrics/httpapi/ui"
)

func files(t *testing.T) map[string]ui.File {
	t.Helper()
	all, err := ui.Files(&ui.Page{Product: "<Product>", Docs: true})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestOnlyThePageHasAPolicyAndItIsStrict(t *testing.T) {
	for name, file := range files(t) {
		if (file.Policy != "") != (name == ui.Index) {
			t.Errorf("%s has the policy %q", name, file.Policy)
		}
	}
	policy := files(t)[ui.Index].Policy
	for _, part := range []string{"default-src 'none'", "script-src 'self'", "require-trusted-types-for 'script'", "frame-ancestors 'none'"} {
		if !strings.Contains(policy, part) {
			t.Errorf("the policy %q lacks %s", policy, part)
		}
	}
	if strings.Contains(policy, "unsafe") {
		t.Errorf("the policy %q is unsafe", policy)
	}
}

func TestThePageNamesEveryModule(t *testing.T) {
	all := files(t)
	page := string(all[ui.Index].Body)
	links := regexp.MustCompile(`(?:href|src)="assets/([^"]+)"`).FindAllStringSubmatch(page, -1)
	if len(links) < 4 {
		t.Errorf("the page loads %v", links)
	}
	for _, link := range links {
		if _, ok := all[link[1]]; !ok {
			t.Errorf("the page loads %s, which is missing", link[1])
		}
	}
	modules, err := filepath.Glob("*.js")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range modules { // else the browser finds them one after the other
		if !strings.Contains(page, `="assets/`+name+`"`) {
			t.Errorf("the page does not name %s", name)
		}
	}
}

func TestFilesHaveTheirTypes(t *testing.T) {
	all := files(t)
	for name, want := range map[string]string{
		ui.Index: "text/html; charset=utf-8", "app.js": "text/javascript; charset=utf-8", "style.css": "text/css; charset=utf-8",
		"icon.svg": "image/svg+xml", "vendor/uPlot.LICENSE": "text/plain; charset=utf-8",
	} {
		if got := all[name].ContentType; got != want || len(all[name].Body) == 0 {
			t.Errorf("%s has the type %q and %d bytes, want type %q", name, got, len(all[name].Body), want)
		}
	}
}

func TestSourcesAreNotAmongTheFiles(t *testing.T) {
	for name := range files(t) {
		if strings.HasSuffix(name, ".go") || strings.HasSuffix(name, ".sh") || strings.HasSuffix(name, "SUMS") {
			t.Errorf("%s is among the files", name)
		}
	}
}

// The vendored files are byte for byte what vendor.sh fetches.
func TestVendoredFilesHaveTheirSums(t *testing.T) {
	all := files(t)
	sums, err := os.ReadFile("vendor/SHA256SUMS")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(sums)) {
		want, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		sum := sha256.Sum256(all["vendor/"+name].Body)
		if got := hex.EncodeToString(sum[:]); got != want {
			t.Errorf("%s has the sum %s, want %s", name, got, want)
		}
	}
}
