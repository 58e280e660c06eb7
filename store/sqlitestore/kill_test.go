package sqlitestore_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/sqlitestore"
)

const killedRows = 100_000

// victim commits and records batches and says so until it is killed.
func victim(ctx context.Context, path string) error {
	st, err := sqlitestore.Open(ctx, path, nil)
	if err != nil {
		return err
	}
	events := someEvents(killedRows)
	for i := 0; ; i++ {
		id := fmt.Sprintf("%s-%04d", os.Getenv("EVENTMETRICS_ROUND"), i)
		w, err := st.Begin(ctx, id)
		if err != nil {
			return err
		}
		if err := w.Write(ctx, events); err != nil {
			return err
		}
		if _, err := w.Commit(ctx, store.Batch{Created: time.Now()}, nil); err != nil {
			return err
		}
		fmt.Println("committed", id)
		c := metrics.Contribution{{Day: 20_000, Type: "t", Count: 1, Slots: &metrics.Slots{}, Subjects: &metrics.Sketch{}}}
		c[0].Slots.Add(3, 1)
		c[0].Subjects.Add(id)
		if err := st.Record(ctx, id, c); err != nil {
			return err
		}
		fmt.Println("recorded", id)
	}
}

func TestAKilledProcessKeepsItsPromises(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.db")
	rng := testRand()
	promised := map[string]bool{} // whether recorded too
	rounds := 5
	if testing.Short() {
		rounds = 2
	}
	for round := range rounds {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), "EVENTMETRICS_VICTIM="+path, fmt.Sprint("EVENTMETRICS_ROUND=", round))
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for range rng.IntN(6) + 1 {
			if lines.Scan() {
				promise(promised, lines.Text())
			}
		}
		time.AfterFunc(time.Duration(rng.IntN(20_000))*time.Microsecond, func() { _ = cmd.Process.Kill() })
		for lines.Scan() {
			promise(promised, lines.Text())
		}
		_ = cmd.Wait() // it was killed
	}
	if len(promised) < rounds {
		t.Fatalf("%d processes have made %d promises", rounds, len(promised))
	}
	keptPromises(t, path, promised)
}

func promise(promised map[string]bool, line string) {
	var what, id string
	if _, err := fmt.Sscan(line, &what, &id); err == nil {
		promised[id] = what == "recorded"
	}
}

func keptPromises(t *testing.T, path string, promised map[string]bool) {
	t.Helper()
	st := opened(t, path)
	all, err := st.Batches(t.Context(), store.BatchQuery{Limit: store.MaxLimit})
	if err != nil {
		t.Fatal(err)
	}
	there, recorded := map[string]bool{}, int64(0)
	for _, b := range all {
		there[b.ID] = true
		n := 0
		for _, err := range st.Events(t.Context(), b.ID) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		if n != killedRows {
			t.Errorf("batch %s has %d events, want %d", b.ID, n, killedRows)
		}
		if c, err := st.Contribution(t.Context(), b.ID); err == nil {
			recorded += c.Events()
		} else if promised[b.ID] {
			t.Errorf("the contribution of batch %s is gone: %v", b.ID, err)
		}
	}
	for id := range promised {
		if !there[id] {
			t.Errorf("batch %s is gone", id)
		}
	}
	var sum int64
	for _, d := range dailies(t, st, metrics.Filter{}) {
		sum += d.Count
	}
	if sum != recorded {
		t.Errorf("the sum is %d, the ledger has %d", sum, recorded)
	}
	if _, err := st.Prune(t.Context(), store.PruneQuery{Before: time.Unix(0, 0)}); err != nil {
		t.Error(err)
	}
	if got := query[string](t, direct(t, path), "PRAGMA integrity_check"); got != "ok" {
		t.Errorf("integrity check: %s", got)
	}
}
