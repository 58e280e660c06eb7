package history_test

import (
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestTheModelSharesNoCode checks that only the child process uses the library.
func TestTheModelSharesNoCode(t *testing.T) {
	const module = "github.com/eventmetrics/eventmetrics"
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if name == "child_test.go" {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range f.Imports {
			path, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(path, module) && !strings.HasPrefix(path, module+"/internal/test/") {
				t.Errorf("%s imports %s", name, path)
			}
		}
	}
}
