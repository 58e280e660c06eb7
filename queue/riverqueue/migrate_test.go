package riverqueue_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/queue/riverqueue"
)

// unpacked returns the path of a copy of a file in testdata, which has a job
// that waits, one that is delayed, one that is dead and one that is completed.
func unpacked(t *testing.T, name string) string {
	t.Helper()
	packed, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "queue.db")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestJobsOfAnEarlierReleaseRun(t *testing.T) {
	path := unpacked(t, "version8.db.gz")
	want := queue.Stats{Waiting: 1, Delayed: 1, Dead: 1}
	stats, err := riverqueue.Check(t.Context(), path)
	stats.OldestWaiting = 0
	if d := cmp.Diff(want, stats); d != "" || err != nil {
		t.Fatal(d, err)
	}
	q, err := riverqueue.Open(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	dead, err := q.Dead(t.Context(), queue.DeadQuery{})
	if err != nil || len(dead) != 1 || dead[0].Err != "the disk was full" || dead[0].ID != "dead" {
		t.Errorf("dead letters: %+v, %v", dead, err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var ran queue.Job
	err = q.Consume(ctx, func(_ context.Context, j queue.Job) error {
		ran = j
		stop()
		return nil
	})
	if d := cmp.Diff("waiting r=abc", ran.ID+" "+ran.Metadata); d != "" || err != nil {
		t.Error(d, err)
	}
}

func TestAQueueOfANewerReleaseIsRefused(t *testing.T) {
	path := unpacked(t, "version8.db.gz")
	_, err := database(t, path).ExecContext(t.Context(), "INSERT INTO river_migration(line, version, created_at) VALUES('main', 1000, ?)", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	_, openErr := riverqueue.Open(t.Context(), path, nil)
	_, checkErr := riverqueue.Check(t.Context(), path)
	for what, err := range map[string]error{"Open": openErr, "Check": checkErr} {
		if !errors.Is(err, riverqueue.ErrVersion) || !strings.Contains(err.Error(), "have version 1000") || !strings.Contains(err.Error(), "run the newer release") {
			t.Errorf("%s: got %v, want %v in words", what, err, riverqueue.ErrVersion)
		}
	}
}
