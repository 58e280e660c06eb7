package httpapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics/httpapi"
)

const bad8 = ",T1,started,2025-11-08\nC1,T1,started,never\nC2,T1,started,never\n"

func TestUploadsWithTooManyErrorsAreRefused(t *testing.T) {
	a := start(t, setup{})
	for query, want := range map[string][]any{ // limit, value, failed, rows, stopped
		"mode=strict":                            {"strict", 0.0, 3.0, 6.0, false},
		"mode=strict&max_errors=5":               {"strict", 0.0, 3.0, 6.0, false},
		"max_errors=2":                           {"max_errors", 2.0, 3.0, 6.0, true},
		"max_errors=0":                           {"max_errors", 0.0, 1.0, 4.0, true},
		"max_error_ratio=0.49":                   {"max_error_ratio", 0.49, 3.0, 6.0, false},
		"max_error_ratio=0":                      {"max_error_ratio", 0.0, 3.0, 6.0, false},
		"mode=strict&dry_run=true":               {"strict", 0.0, 3.0, 6.0, false},
		"mode=partial&max_errors=9":              nil,
		"mode=&max_errors=3":                     nil,
		"max_error_ratio=0.5":                    nil,
		"max_error_ratio=1&process=true&mode=":   nil,
		"dry_run=false&max_errors=9999999999999": nil,
	} {
		res := a.csv("/uploads?on_duplicate=allow&"+query, header+day8+bad8, "Idempotency-Key", "k "+strings.ReplaceAll(query, "&dry_run=true", ""))
		if want == nil {
			if res.status != http.StatusCreated {
				t.Errorf("%s: %d %s", query, res.status, res.body)
			}
			continue
		}
		body := res.problem(t, http.StatusUnprocessableEntity, httpapi.CodeTooManyErrors)
		got := []any{body["limit"], body["limit_value"], body["failed_count"], body["row_count"], body["stopped"]}
		if d := cmp.Diff(want, got); d != "" || float64(len(body["errors"].([]any))) != body["failed_count"] {
			t.Errorf("%s: %s\n%s", query, d, res.body)
		}
		if res := a.csv("/uploads?on_duplicate=allow", header+day8, "Idempotency-Key", "k "+query); res.status != http.StatusCreated {
			t.Errorf("%s: the key is taken: %d %s", query, res.status, res.body)
		}
	}
	for _, query := range []string{
		"mode=lenient", "max_errors=-1", "max_errors=1.5", "max_errors=many", "max_error_ratio=2", "max_error_ratio=-0.1",
		"max_error_ratio=NaN", "max_error_ratio=5%25", "dry_run=perhaps",
	} {
		a.csv("/uploads?"+query, header+day8).problem(t, http.StatusBadRequest, httpapi.CodeBadRequest)
	}
}

func TestADryRunStoresNothing(t *testing.T) {
	a := start(t, setup{})
	a.count(day8)
	res := a.csv("/uploads?dry_run=true&process=true", header+day8+bad8+"C1,T1,other,2025-11-09\n")
	got := res.json(t)
	for _, g := range got["error_groups"].([]any) {
		sample := g.(map[string]any)["sample"].(map[string]any)
		g.(map[string]any)["sample"] = []any{sample["row"], sample["value"], sample["candidate_id"]}
	}
	want := map[string]any{
		"dry_run": true, "inserted_count": 4.0, "failed_count": 3.0, "duplicate_count": 0.0, "duplicate_of": nil,
		"error_groups": []any{
			map[string]any{"code": "bad_timestamp", "column": "timestamp", "count": 2.0, "sample": []any{5.0, "never", "C1"}},
			map[string]any{"code": "missing_value", "column": "candidate_id", "count": 1.0, "sample": []any{4.0, "", ""}},
		},
		"error_groups_truncated": false,
		"change_count":           3.0,
		"changes": []any{
			map[string]any{"date": "2025-11-08", "event_type": "started", "before": 2.0, "after": 4.0, "difference": 2.0},
			map[string]any{"date": "2025-11-09", "event_type": "done", "before": 1.0, "after": 2.0, "difference": 1.0},
			map[string]any{"date": "2025-11-09", "event_type": "other", "before": 0.0, "after": 1.0, "difference": 1.0},
		},
		"changes_truncated": false,
		"read_as": map[string]any{
			"format": "csv", "delimiter": ",", "encoding": "utf-8", "date_order": "", "time_zone": "UTC",
			"time_forms": []any{"iso_zoned", "iso_date"}, "skipped_lines": 0.0, "header_line": 1.0,
		},
		"warnings": []any{map[string]any{"code": "many_rejected", "column": "", "message": "3 of 7 rows were rejected", "count": 3.0, "line": 5.0}},
	}
	if d := cmp.Diff(want, got); d != "" || res.status != http.StatusOK {
		t.Errorf("%d %v %s", res.status, res.header, d)
	}
	if got := a.get("/batches").json(t)["count"]; got != 1.0 {
		t.Errorf("there are %v batches, want 1", got)
	}
}

func TestACorrectedRepairFileReducesTheOpenErrors(t *testing.T) {
	a := start(t, setup{prefix: "/deep"})
	first := a.csv("/uploads", header+day8+bad8).json(t)["batch_id"].(string)
	look := func() map[string]any { return a.get("/batches/" + first).json(t) }
	if b := look(); b["open_error_count"] != 3.0 || b["repairs"] != nil || len(b["repaired_by"].([]any)) != 0 {
		t.Errorf("before: %v", b)
	}
	repair := a.get("/batches/" + first + "/errors").body
	corrected := strings.Replace(repair, "never", "2025-11-08", 1)
	res := a.csv("/uploads?file_name=corrected.csv&repairs="+first, corrected)
	id, _ := res.json(t)["batch_id"].(string)
	b := look()
	if b["open_error_count"] != 2.0 || b["repaired_by_truncated"] != false {
		t.Errorf("after: %v", b)
	}
	by := b["repaired_by"].([]any)[0].(map[string]any)
	delete(by, "created_at")
	want := map[string]any{
		"batch_id": id, "file_name": "corrected.csv", "status": "uploaded", "inserted_count": 1.0, "failed_count": 2.0,
		"url": "/deep/batches/" + id,
	}
	if d := cmp.Diff(want, by); d != "" {
		t.Error(d)
	}
	child := a.get("/batches/" + id).json(t)
	if child["repairs"] != first || child["links"].(map[string]any)["repairs"] != "/deep/batches/"+first || child["open_error_count"] != 2.0 {
		t.Errorf("the repair is %v", child)
	}
	listed := a.get("/batches?repairs=" + first).json(t)
	if listed["count"] != 1.0 || listed["data"].([]any)[0].(map[string]any)["batch_id"] != id {
		t.Errorf("the repairs are %v", listed)
	}
	a.get("/batches?repairs=1").problem(t, http.StatusBadRequest, httpapi.CodeBadRequest)
	for _, repairs := range []string{"0199d2f8-0000-7000-8000-000000000000", "1", "%2e%2e", strings.Repeat("x", 5000)} {
		a.csv("/uploads?repairs="+repairs, header+day8).problem(t, http.StatusNotFound, httpapi.CodeNotFound)
		a.csv("/uploads?dry_run=true&repairs="+repairs, header+day8).problem(t, http.StatusNotFound, httpapi.CodeNotFound)
	}
}
