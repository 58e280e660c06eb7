package httpapi_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/httpapi"
	"github.com/eventmetrics/eventmetrics/ingest"
)

func TestTimestampLayoutDecidesAmbiguousDates(t *testing.T) {
	a := start(t, setup{})
	file := header + "C1,T1,a,03/04/2025 09:30\n"
	body := a.csv("/uploads", file).problem(t, http.StatusUnprocessableEntity, httpapi.CodeAmbiguousTime)
	want := []any{
		map[string]any{"timestamp_layout": "dmy", "line": 2.0, "value": "03/04/2025 09:30", "date": "2025-04-03"},
		map[string]any{"timestamp_layout": "mdy", "line": 2.0, "value": "03/04/2025 09:30", "date": "2025-03-04"},
	}
	if d := cmp.Diff(want, body["readings"]); d != "" {
		t.Error(d)
	}
	if got := a.get("/batches").json(t)["count"]; got != 0.0 {
		t.Errorf("%v batches are left", got)
	}
	a.csv("/uploads?timestamp_layout=ymd", file).problem(t, http.StatusBadRequest, httpapi.CodeBadRequest)
	for layout, day := range map[string]string{"dmy": "2025-04-03", "mdy": "2025-03-04"} {
		res := a.csv("/uploads?process=true&on_duplicate=allow&timestamp_layout="+layout, file, "Prefer", "wait=10")
		if res.status != http.StatusCreated || res.json(t)["status"] != "completed" {
			t.Fatalf("%s: %d %s", layout, res.status, res.body)
		}
		if res := a.get("/metrics?date=" + day); res.status != http.StatusOK {
			t.Errorf("%s: nothing on %s", layout, day)
		}
	}
}

func TestSchemasAreChosenByName(t *testing.T) {
	a := start(t, setup{service: eventmetrics.Options{Schemas: map[string]ingest.Schema{"visits": {
		EventType: "kind", Time: "at", Required: []string{}, Rules: []ingest.Rule{
			{Column: "score", Max: new(10.0), Code: "bad_score"},
			{Column: "country", Enum: []string{"DE"}, Warn: true, Code: "unknown_country", Message: "country is new"},
		},
	}}}})
	file := "kind,at,score,country\na,2025-11-08,3,DE\na,2025-11-08,11,XX\na,2025-11-08,,XX\n"
	for range 2 { // the second is a replay
		body := a.csv("/uploads?schema=visits", file, "Idempotency-Key", "k").json(t)
		want := []any{map[string]any{"code": "unknown_country", "column": "country", "message": "country is new", "count": 1.0, "line": 4.0}, map[string]any{"code": "many_rejected", "column": "", "message": "1 of 3 rows were rejected", "count": 1.0, "line": 3.0}}
		if d := cmp.Diff(want, body["warnings"]); d != "" || body["inserted_count"] != 2.0 {
			t.Errorf("%s %v", d, body)
		}
		if e := body["errors"].([]any)[0].(map[string]any); e["code"] != "bad_score" || e["error_reason"] != "score is more than 10" {
			t.Errorf("got %v", e)
		}
	}
	body := a.get("/schema?schema=visits").json(t)
	want := []any{
		map[string]any{"column": "score", "action": "reject", "code": "bad_score", "max": 10.0},
		map[string]any{"column": "country", "action": "warn", "code": "unknown_country", "enum": []any{"DE"}, "message": "country is new"},
	}
	if d := cmp.Diff(want, body["rules"]) + cmp.Diff([]any{"visits"}, body["schemas"]); d != "" {
		t.Error(d)
	}
	for _, res := range []answer{a.csv("/uploads?schema=x", file), a.get("/schema?schema=x")} {
		body := res.problem(t, http.StatusBadRequest, httpapi.CodeBadRequest)
		if d := cmp.Diff(`schema: unknown schema "x"; there are visits`, body["detail"]); d != "" {
			t.Error(d)
		}
	}
}
