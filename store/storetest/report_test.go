package storetest_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/storetest"
)

func TestARulePrintsOneDifferenceAndTheirNumber(t *testing.T) {
	h := harness(func(p *patched) {
		p.setStatus = func(context.Context, string, []store.Status, store.Status, string) error { return nil }
	})
	v := storetest.TryAsRun(t, h, "SetStatus compares before it sets")
	if len(v.Failures) != 2 {
		t.Fatalf("got %d messages, want the first difference and the number of them:\n%s", len(v.Failures), strings.Join(v.Failures, "\n"))
	}
	if !strings.Contains(v.Failures[0], "The rule: ") || v.Failures[1] != "20 differences; the first is above" {
		t.Errorf("got:\n%s", strings.Join(v.Failures, "\n"))
	}
}

func TestOneDifferenceIsNotCounted(t *testing.T) {
	h := harness(func(p *patched) {
		p.record = func(context.Context, string, metrics.Contribution) error { return nil }
	})
	if v := storetest.TryAsRun(t, h, "Record of an unknown batch is ErrNotFound"); len(v.Failures) != 1 {
		t.Errorf("got:\n%s", strings.Join(v.Failures, "\n"))
	}
}

func TestAHarnessNamesWhatItLacks(t *testing.T) {
	bare := storetest.Harness{Open: func(*testing.T) store.Store { return newPatched() }}
	want := []string{"Reopen", "PowerCut", "Dump", "Damage", "OpenPair", "OpenNarrow", "Cut"}
	if d := cmp.Diff(want, storetest.Missing(bare)); d != "" {
		t.Error(d)
	}
	if got := storetest.Missing(harness(func(*patched) {})); len(got) > 0 {
		t.Errorf("a whole harness lacks %v", got)
	}
	for _, rule := range []string{"the ledger survives the process", "two processes: one of many concurrent SetStatus wins", "a database that cannot be reached is ErrUnavailable until it is back"} {
		if v := storetest.Try(t, bare, rule); !v.Skipped || len(v.Failures) > 0 {
			t.Errorf("%q was not skipped", rule)
		}
	}
}
