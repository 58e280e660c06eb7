package httpapi_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/httpapi"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/memstore"
)

// valuesOf returns some members of an answer.
func valuesOf(body map[string]any, names ...string) []any {
	values := make([]any, len(names))
	for i, name := range names {
		values[i] = body[name]
	}
	return values
}

func TestDuplicateRowsAreSkippedAndCounted(t *testing.T) {
	a := start(t, setup{})
	ids := "event_id," + header
	upload := func(query, content string, want ...any) string {
		t.Helper()
		res := a.csv("/uploads?process=true&"+query, content, "Prefer", "wait=10")
		body := res.json(t)
		got := valuesOf(body, "inserted_count", "failed_count", "duplicate_count", "duplicate_of", "status")
		if d := cmp.Diff(append(want, nil, "completed"), got); d != "" || res.status != http.StatusCreated {
			t.Fatalf("%s: %d %s %s", query, res.status, d, res.body)
		}
		return body["batch_id"].(string)
	}
	upload("dedupe=event_id", ids+"1,C1,T1,a,2025-11-08\n1,C1,T1,a,2025-11-08\n,C1,T1,a,2025-11-08\n", 1.0, 1.0, 1.0)
	upload("dedupe=event_id&mode=strict", ids+"1,C1,T1,a,2025-11-08\n2,C1,T1,a,2025-11-08\n", 1.0, 0.0, 1.0)
	upload("dedupe=none", ids+"1,C1,T1,b,2025-11-08\n", 1.0, 0.0, 0.0)
	upload("dedupe=occurrence", header+"C1,T1,c,2025-11-08\nC1,T1,c,2025-11-08\n", 2.0, 0.0, 0.0)
	id := upload("dedupe=occurrence", header+"C1,T1,c,2025-11-08T00:00:00Z\n", 0.0, 0.0, 1.0)
	if got := a.get("/batches/" + id).json(t); got["inserted_count"] != 0.0 || got["duplicate_count"] != 1.0 {
		t.Errorf("the batch is %v", got)
	}
	if got := a.get("/batches").json(t)["data"].([]any)[0].(map[string]any); got["duplicate_count"] != 1.0 {
		t.Errorf("in the list it is %v", got)
	}
	if got := a.get("/metrics?date=2025-11-08&group=none").json(t); len(got["data"].([]any)) != 1 {
		t.Errorf("the metrics are %v", got)
	}
	a.csv("/uploads?dedupe=event_id", header+"C1,T1,a,2025-11-08\n").problem(t, http.StatusUnprocessableEntity, httpapi.CodeMissingColumn)
	a.csv("/uploads?dedupe=id", header).problem(t, http.StatusBadRequest, httpapi.CodeBadRequest)
	a.csv("/uploads?on_duplicate=ignore", header).problem(t, http.StatusBadRequest, httpapi.CodeBadRequest)
	dry := a.csv("/uploads?dry_run=true&dedupe=occurrence", header+"C1,T1,c,2025-11-08\n").json(t)
	if d := cmp.Diff([]any{0.0, 1.0, 0.0, []any{}}, valuesOf(dry, "inserted_count", "duplicate_count", "change_count", "changes")); d != "" {
		t.Error(d)
	}
}

func TestADuplicateFileIsAnsweredWithItsBatch(t *testing.T) {
	a := start(t, setup{})
	content := header + day8 + bad8
	first := a.csv("/uploads", content)
	id := first.json(t)["batch_id"]
	want := first.json(t)
	want["duplicate_of"], want["status"] = id, "completed"
	delete(want, "expires_at")
	again := a.csv("/uploads?process=true", content, "Prefer", "wait=10", "Idempotency-Key", "k")
	if d := cmp.Diff(want, again.json(t)); d != "" || again.status != http.StatusOK || !strings.HasSuffix(again.header.Get("Location"), id.(string)) {
		t.Errorf("%d %v %s", again.status, again.header, d)
	}
	replay := a.csv("/uploads?process=true", content, "Prefer", "wait=10", "Idempotency-Key", "k")
	if replay.status != http.StatusOK || replay.body != again.body || replay.header.Get("Idempotency-Replayed") != "true" || again.header.Get("Idempotency-Replayed") != "" {
		t.Errorf("replay: %d %v\n%s want\n%s", replay.status, replay.header, replay.body, again.body)
	}
	a.csv("/uploads", header+day8, "Idempotency-Key", "k").problem(t, http.StatusUnprocessableEntity, httpapi.CodeKeyReused)
	dry := a.csv("/uploads?dry_run=true", content).json(t)
	if dry["duplicate_of"] != id || dry["change_count"] != 0.0 {
		t.Errorf("the dry run says %v", dry)
	}
	allowed := a.csv("/uploads?on_duplicate=allow", content)
	if got := allowed.json(t); allowed.status != http.StatusCreated || got["duplicate_of"] != nil || got["batch_id"] == id {
		t.Errorf("allowed: %d %v", allowed.status, got)
	}
	second := allowed.json(t)["batch_id"]
	for _, id := range []any{id, second} {
		if res := a.csv("/uploads?on_duplicate=answer", content); res.status != http.StatusOK || res.json(t)["duplicate_of"] != id {
			t.Errorf("while there is a batch with the content: %d %s", res.status, res.body)
		}
		if res := a.do("DELETE", "/batches/"+id.(string), nil); res.status != http.StatusNoContent {
			t.Fatal(res.body)
		}
	}
	if res := a.csv("/uploads?on_duplicate=answer", content); res.status != http.StatusCreated {
		t.Errorf("after the deletion of both: %d %s", res.status, res.body)
	}
}

// contested is a store whose every fingerprint another upload has.
type contested struct{ *memstore.Store }

func (contested) Claim(context.Context, string, []store.Fingerprint) ([]string, error) {
	return nil, store.ErrClaimed
}

// plain is a store without optional abilities.
type plain struct{ store.Store }

func TestDuplicatesThatAreRefused(t *testing.T) {
	a := start(t, setup{store: contested{memstore.New()}})
	for _, query := range []string{"", "?dedupe=occurrence"} {
		res := a.csv("/uploads"+query, header+day8)
		res.problem(t, http.StatusConflict, httpapi.CodeInFlight)
		if res.header.Get("Retry-After") != "5" {
			t.Errorf("%q: %v", query, res.header)
		}
	}
	a = start(t, setup{service: eventmetrics.Options{MaxDedupeRows: 1}})
	body := a.csv("/uploads?dedupe=occurrence", header+strings.Repeat("C1,T1,a,2025-11-08\nC1,T1,a,2025-11-09\n", 2)).problem(t, http.StatusRequestEntityTooLarge, httpapi.CodeTooManyDistinctRows)
	if body["limit_value"] != 1.0 {
		t.Errorf("got %v", body)
	}
	a = start(t, setup{store: plain{memstore.New()}})
	a.csv("/uploads?dedupe=occurrence", header+day8).problem(t, http.StatusNotImplemented, httpapi.CodeUnsupported)
}
