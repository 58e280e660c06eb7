package sqlitestore_test

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

func TestADamagedPendingContributionIsCorrupt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.db")
	st := opened(t, path)
	id := store.NewID(time.Now())
	w, err := st.Begin(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	sum := metrics.NewAggregator(nil)
	if err := sum.Add(&metrics.Event{Type: "a", Time: time.Now()}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Commit(t.Context(), store.Batch{Created: time.Now()}, sum.Contribution()); err != nil {
		t.Fatal(err)
	}
	for what, damage := range map[string]string{"cut": "substr(data, 1, length(data) - 1)", "empty": "x''", "of a later version": "x'ff00'"} {
		execute(t, direct(t, path), "UPDATE pending SET data = "+damage)
		if c, err := st.Pending(t.Context(), id); !errors.Is(err, metrics.ErrCorrupt) {
			t.Errorf("%s: got %v, %v, want ErrCorrupt", what, c, err)
		}
	}
}
