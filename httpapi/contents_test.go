package httpapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics/httpapi"
)

func TestContentsShowTheBeginningOfABatch(t *testing.T) {
	a := start(t, setup{})
	var file strings.Builder
	file.WriteString(header)
	first := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 120 {
		at := first.AddDate(0, 0, i).Format(time.RFC3339)
		fmt.Fprintf(&file, "C1,T1,type_%03d,%s\nC1,T1,often,%s\n", i, at, at)
	}
	for range 12 {
		file.WriteString(",T1,often,2025-01-01\n")
	}
	look := func(id string) map[string]any { return a.get("/batches/" + id + "/contents").json(t) }
	id, _ := a.csv("/uploads", file.String()).json(t)["batch_id"].(string)
	before := look(id)
	days, types, errors := before["days"].([]any), before["types"].([]any), before["errors"].([]any)
	if len(days) != 100 || len(types) != 100 || len(errors) != 10 {
		t.Errorf("%d days, %d types, %d errors", len(days), len(types), len(errors))
	}
	if before["day_count"] != 120.0 || before["type_count"] != 121.0 || before["errors_truncated"] != true {
		t.Errorf("counts: %v %v %v", before["day_count"], before["type_count"], before["errors_truncated"])
	}
	want := []any{map[string]any{"count": 2.0, "date": "2025-01-01"}, map[string]any{"count": 120.0, "event_type": "often"}, 241.0}
	if d := cmp.Diff(want, []any{days[0], types[0], errors[0].(map[string]any)["row"]}); d != "" {
		t.Error(d)
	}
	a.csv("/batches/"+id+"/process", "", "Prefer", "wait=30")
	if d := cmp.Diff(before, look(id)); d != "" {
		t.Errorf("processed: %s", d)
	}
	if res := a.do("DELETE", "/batches/"+id, nil); res.status != http.StatusNoContent {
		t.Fatalf("%d %s", res.status, res.body)
	}
	a.get("/batches/"+id+"/contents").problem(t, http.StatusNotFound, httpapi.CodeNotFound)
}
