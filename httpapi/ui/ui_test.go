package ui_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/eventmetrics/eventmetrics/httpapi/ui"
)

func files(t *testing.T) map[string]ui.File {
	t.Helper()
	d, err := ui.New(&ui.Page{Product: "<Product>", Docs: true})
	if err != nil {
		t.Fatal(err)
	}
	return d.Files
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

func TestThePageLoadsFilesOfItsVersion(t *testing.T) {
	d, err := ui.New(&ui.Page{Product: "<Product>"})
	if err != nil {
		t.Fatal(err)
	}
	links := regexp.MustCompile(`(?:href|src)="assets/([^"/]+)/([^"]+)"`).FindAllStringSubmatch(string(d.Files[ui.Index].Body), -1)
	if len(links) < 4 {
		t.Errorf("the page loads %v", links)
	}
	for _, link := range links {
		if _, ok := d.Files[link[2]]; !ok || link[1] != d.Version || len(d.Version) != 16 {
			t.Errorf("the page loads %s of version %q, want a file of version %q", link[2], link[1], d.Version)
		}
	}
}

func TestEveryModuleIsInOneOfTheTwoFiles(t *testing.T) {
	all := files(t)
	modules, err := filepath.Glob("*.js")
	if err != nil {
		t.Fatal(err)
	}
	both := string(all["app.js"].Body) + string(all["rest.js"].Body)
	for _, name := range modules {
		if n := strings.Count(both, "modules['"+name+"'] = "); n != 1 {
			t.Errorf("%s is %d times in the two files, want once", name, n)
		}
		if _, ok := all[name]; ok && name != "app.js" {
			t.Errorf("%s is a file of its own", name)
		}
	}
	for _, name := range []string{"upload.js", "batches.js", "batch.js", "dead.js", "welcome.js", "explain.js"} {
		if strings.Contains(string(all["app.js"].Body), "modules['"+name+"'] = ") {
			t.Errorf("%s is loaded with the overview, which does not need it", name)
		}
	}
}

func TestFilesAreCompressed(t *testing.T) {
	for name, file := range files(t) {
		if name == ui.Index {
			continue
		}
		r, err := gzip.NewReader(bytes.NewReader(file.Gzip))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if body, err := io.ReadAll(r); err != nil || !bytes.Equal(body, file.Body) {
			t.Errorf("%s differs compressed: %v", name, err)
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
