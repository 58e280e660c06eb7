package httpapi_test

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics/ingest"
)

func TestManualExampleOfAnErasure(t *testing.T) {
	text, err := os.ReadFile("../docs/http.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?s)## POST /admin/erasures.*?```json\n(.*?)```.*?```json\n(.*?)```").FindSubmatch(text)
	if found == nil {
		t.Fatal("there is none")
	}
	a := start(t, setup{})
	a.count("C1001,T1,started,2025-11-08T09:00:00Z\nC1,T1,started,2025-11-08T09:00:00Z\n")
	a.count("C2,T1,started,2025-11-08T09:00:00Z\n")
	got := a.do("POST", "/admin/erasures", bytes.NewReader(found[1]), "Content-Type", "application/json").json(t)
	var want map[string]any
	if err := json.Unmarshal(found[2], &want); err != nil {
		t.Fatal(err)
	}
	for _, members := range []map[string]any{got, want} {
		for _, differs := range []string{"erasure_id", "time", "subject_hash", "changed_batches", "what_stays"} {
			if members[differs] == nil {
				t.Errorf("there is no %s", differs)
			}
			delete(members, differs)
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestManualExampleOfSchemas(t *testing.T) {
	text, err := os.ReadFile("../docs/http.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?s)### Schemas.*?```json\n(.*?)```").FindSubmatch(text)
	if found == nil {
		t.Fatal("there are none")
	}
	schemas, err := ingest.ParseSchemas(found[1])
	if err != nil || len(schemas["visits"].Rules) != 3 {
		t.Errorf("got %v, %v", schemas, err)
	}
}
