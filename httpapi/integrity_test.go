package httpapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"maps"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/httpapi"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/queue/memqueue"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/memstore"
)

func TestIntegrityReportsTheAudits(t *testing.T) {
	a := start(t, setup{service: eventmetrics.Options{AuditEvery: -1, ReprocessEvery: -1}})
	id := a.count(day8)
	none := map[string]any{
		"ok": true, "ledger_checked": true, "interval_seconds": 0.0, "round_count": 0.0, "last_round": nil, "total": nil, "truncated": false,
		"batch_pass": map[string]any{"began_at": nil, "seen_count": 0.0, "complete_count": 0.0, "completed_at": nil, "completed_seen_count": 0.0},
		"day_pass":   map[string]any{"began_at": nil, "seen_count": 0.0, "complete_count": 0.0, "completed_at": nil, "completed_seen_count": 0.0},
		"drifts":     []any{}, "unreadable": []any{}, "wrong_days": []any{}, "damages": []any{},
	}
	if d := cmp.Diff(none, a.get("/admin/integrity").json(t)); d != "" {
		t.Errorf("before the first round: %s", d)
	}
	a.tamper(id)
	found := a.do("POST", "/admin/integrity", nil).json(t)
	if d := cmp.Diff([]any{driftOf(id)}, found["drifts"]); d != "" || found["ok"] != false {
		t.Errorf("ok %v, %s", found["ok"], d)
	}
	round := found["last_round"].(map[string]any)
	if _, err := time.Parse(time.RFC3339, round["started_at"].(string)); err != nil {
		t.Error(err)
	}
	delete(round, "started_at")
	delete(round, "duration_seconds")
	if d := cmp.Diff(map[string]any{"batch_count": 1.0, "sealed_count": 0.0, "event_count": 3.0, "day_count": 0.0}, round); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(a.do("POST", "/admin/integrity", nil).json(t)["drifts"], found["drifts"]); d != "" {
		t.Errorf("a round has changed something: %s", d)
	}
	a.do("POST", "/admin/reprocess", nil)
	a.do("POST", "/admin/integrity", nil)
	if got := a.get("/admin/integrity").json(t); got["ok"] != true || got["round_count"] != 3.0 {
		t.Errorf("after the repair: %v", got)
	}
}

// wrongStore answers with other sums than its ledger has, or with an error.
type wrongStore struct {
	*memstore.Store
	err error
}

func (s *wrongStore) DayCounts(ctx context.Context, q metrics.Filter) iter.Seq2[metrics.DayCount, error] {
	return func(yield func(metrics.DayCount, error) bool) {
		for d, err := range s.Store.DayCounts(ctx, q) {
			if !q.Ledger {
				d.Count, err = d.Count+1, errors.Join(err, s.err)
			}
			if !yield(d, err) || err != nil {
				return
			}
		}
	}
}

func TestIntegrityNamesDaysWhoseSumIsWrong(t *testing.T) {
	st := &wrongStore{Store: memstore.New()}
	service := eventmetrics.New(st, memqueue.New(nil), &eventmetrics.Options{AuditEvery: -1})
	handler, err := httpapi.New(service, &httpapi.Options{Token: token})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(watched(t, handler))
	t.Cleanup(server.Close)
	a := &api{t: t, store: st.Store, url: server.URL}
	sum := metrics.NewAggregator(nil)
	if err := sum.Add(&metrics.Event{Type: "x", Time: time.Date(2025, 11, 8, 0, 0, 0, 0, time.UTC)}); err != nil {
		t.Fatal(err)
	}
	id := a.csv("/uploads", header+day8).json(t)["batch_id"].(string)
	if err := st.Record(t.Context(), id, sum.Contribution()); err != nil {
		t.Fatal(err)
	}
	wrong := map[string]any{
		"date": "2025-11-08", "ledger_count": 1.0, "sum_count": 2.0, "difference": 1.0, "event_types": []any{"x"}, "event_types_truncated": false, "error": nil,
	}
	if d := cmp.Diff([]any{wrong}, a.do("POST", "/admin/integrity", nil).json(t)["wrong_days"]); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]any{wrong}, a.do("POST", "/admin/reprocess", nil).json(t)["wrong_days"]); d != "" {
		t.Error(d)
	}
	st.err = errors.New("a broken page")
	unread := a.do("POST", "/admin/integrity", nil).json(t)["wrong_days"].([]any)[0].(map[string]any)
	if text, _ := unread["error"].(string); text == "" || unread["sum_count"] != 0.0 {
		t.Errorf("%v", unread)
	}
}

// TestManualExampleOfIntegrity compares an example of the manual with
// an answer.
func TestManualExampleOfIntegrity(t *testing.T) {
	text, err := os.ReadFile("../docs/http.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?s)GET /admin/integrity`.*?```json\n(.*?)```").FindSubmatch(text)
	if found == nil {
		t.Fatal("there is none")
	}
	var example map[string]any
	if err := json.Unmarshal(found[1], &example); err != nil {
		t.Fatal(err)
	}
	a := start(t, setup{service: eventmetrics.Options{ReprocessEvery: -1}})
	id := a.count(day8)
	a.tamper(id)
	answer := a.do("POST", "/admin/integrity", nil).json(t)
	if d := cmp.Diff(namesIn(answer), namesIn(example)); d != "" {
		t.Error(d)
	}
}

// namesIn lists the names of the members of a value, and of what is in it.
func namesIn(v any) []string {
	var all []string
	switch v := v.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			all = append(all, name)
			for _, inner := range namesIn(v[name]) {
				all = append(all, name+"."+inner)
			}
		}
	case []any:
		if len(v) > 0 {
			return namesIn(v[0])
		}
	}
	return all
}

// damagedStore finds damage in itself.
type damagedStore struct{ *memstore.Store }

func (damagedStore) Inspect(context.Context, string) (store.Inspection, error) {
	return store.Inspection{Damages: []store.Damage{
		{Part: "structure", Err: "row 3 missing from index"}, {Part: "attachment", BatchID: "01998f3c-0000-7000-8000-000000000001", Err: "chunk 2"},
	}}, nil
}

func TestIntegrityReportsDamage(t *testing.T) {
	a := start(t, setup{store: damagedStore{memstore.New()}, service: eventmetrics.Options{AuditEvery: -1, ReprocessEvery: -1}})
	found := a.do("POST", "/admin/integrity", nil).json(t)
	want := []any{
		map[string]any{"part": "structure", "batch_id": nil, "error": "row 3 missing from index"},
		map[string]any{"part": "attachment", "batch_id": "01998f3c-0000-7000-8000-000000000001", "error": "chunk 2"},
	}
	if d := cmp.Diff(want, found["damages"]); d != "" || found["ok"] != false {
		t.Errorf("ok %v, %s", found["ok"], d)
	}
}
