package eventmetrics_test

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/eventmetrics/eventmetrics"
)

// benchFileOfIDs is benchFile with a column of event ids.
func benchFileOfIDs(b *testing.B) string {
	b.Helper()
	in, err := os.Open(benchFile(b))
	if err != nil {
		b.Fatal(err)
	}
	defer in.Close()
	path := filepath.Join(b.TempDir(), "ids.csv")
	out, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	defer out.Close()
	w := bufio.NewWriter(out)
	id := "event_id"
	for lines, n := bufio.NewScanner(in), 0; lines.Scan(); n++ {
		_, _ = fmt.Fprintf(w, "%s,%s\n", id, lines.Text())
		id = fmt.Sprintf("%016x", uint64(n)*0x9E3779B97F4A7C15)
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	return path
}

// BenchmarkDedupe uploads a file whose rows are new, and then once more, when
// all its rows are duplicates if they are told.
func BenchmarkDedupe(all *testing.B) {
	path := benchFileOfIDs(all)
	for _, d := range []eventmetrics.Dedupe{eventmetrics.DedupeNone, eventmetrics.DedupeEventID, eventmetrics.DedupeOccurrence} {
		service, st, _ := openBench(all)
		for _, state := range []string{"new", "again"} {
			all.Run(fmt.Sprintf("%q/%s", string(d), state), func(b *testing.B) {
				for b.Loop() {
					if state == "new" {
						b.StopTimer()
						_ = st.Close()
						service, st, _ = openBench(all)
						b.StartTimer()
					}
					f, err := os.Open(path)
					if err != nil {
						b.Fatal(err)
					}
					receipt, err := service.Upload(b.Context(), eventmetrics.File{Body: f, Dedupe: d, AllowDuplicate: true})
					_ = f.Close()
					if again := state == "again" && d != eventmetrics.DedupeNone; err != nil || again != (receipt.Batch.DuplicateRows == benchRows()) {
						b.Fatalf("%+v, %v", receipt.Batch, err)
					}
				}
				reportRows(b, 0)
				reportPeak(b)
			})
		}
		_ = st.Close()
	}
}
