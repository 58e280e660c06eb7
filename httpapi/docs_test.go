package httpapi_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestDocsAreGenerated makes docs.html again and compares.
func TestDocsAreGenerated(t *testing.T) {
	file := filepath.Join(t.TempDir(), "docs.html")
	if out, err := exec.CommandContext(t.Context(), "go", "run", "gendocs.go", file).CombinedOutput(); err != nil {
		t.Fatalf("go run gendocs.go: %v\n%s", err, out)
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("docs.html")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("docs.html is stale, run go generate ./httpapi: %s", d)
	}
}
