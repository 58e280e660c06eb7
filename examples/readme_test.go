package examples_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// frame makes a program of the Go code in the README: the statements of the
// first block in a function, and the other declarations after it.
const frame = `package main

import (
	"context"
	"io"
	"net/http"
	"testing"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/httpapi"
	"github.com/eventmetrics/eventmetrics/metrics/series"
	"github.com/eventmetrics/eventmetrics/queue/riverqueue"
	"github.com/eventmetrics/eventmetrics/store"
	mystore "github.com/eventmetrics/eventmetrics/store/memstore"
	"github.com/eventmetrics/eventmetrics/store/sqlitestore"
	"github.com/eventmetrics/eventmetrics/store/storetest"
)

func main() {}

func use(ctx context.Context, file io.Reader, mux *http.ServeMux) error {
	STATEMENTS
	_ = result
	return err
}
`

func TestReadmeCompiles(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(readme), -1)
	if len(blocks) != 2 {
		t.Fatalf("README.md has %d blocks of Go, want 2: how to use the library, and how to test a backend", len(blocks))
	}
	program := strings.Replace(frame, "STATEMENTS", blocks[0][1], 1) + blocks[1][1]
	file := filepath.Join(t.TempDir(), "main.go")
	if err := os.WriteFile(file, []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", os.DevNull, file).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
