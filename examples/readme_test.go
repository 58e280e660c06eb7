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
// first block in a function, which is called twice as if the program was started
// again, and the other declarations after it.
const frame = `package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
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

func main() {
	for range 2 {
		ctx, stop := context.WithCancel(context.Background())
		file := strings.NewReader("candidate_id,test_id,event_type,timestamp\nC1,T1,a,2025-11-08\n")
		if err := use(ctx, stop, file, http.NewServeMux(), &http.Server{}); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
}

func use(ctx context.Context, stop func(), file io.Reader, mux *http.ServeMux, server *http.Server) error {
	STATEMENTS
	stop()
	if len(result.Buckets) != 1 || result.Buckets[0].Count != 1 {
		return fmt.Errorf("the result is %+v", result.Buckets)
	}
	return errors.Join(<-ended, q.Close(), st.Close())
}
`

func TestReadmeWorksTwice(t *testing.T) {
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
	binary := filepath.Join(t.TempDir(), "readme")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, file).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	run := exec.CommandContext(t.Context(), binary)
	run.Dir = t.TempDir() // for its databases
	if out, err := run.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
