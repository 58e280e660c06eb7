package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/config"
	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
)

const aged = header + "C1,T1,aged,2025-12-11T09:00:00Z\nC2,T1,aged,2025-12-11T09:00:00Z\nC1,T2,aged,2025-12-12T09:00:00Z\nC3,T2,aged,never\n"

// brief is a period that a batch outlives within a test.
const brief = "10ms"

// agingServer applies retention only when it is asked to.
func agingServer(t *testing.T, pairs ...string) *transcript {
	t.Helper()
	return newTranscriptWith(t, append(pairs, "UPLOAD_LIMIT", "0"), func(c *config.Config) { c.Service.RetainEvery = -1 })
}

func backendPairs(t *testing.T) map[string][]string {
	t.Helper()
	return map[string][]string{
		"embedded":          nil,
		"MongoDB and Redis": {"MONGO_URI", testenv.Mongo(t), "REDIS_URL", testenv.Redis(t).URL},
	}
}

// is asks and compares some members of the answer.
func (s *transcript) is(method, path string, status int, want map[string]any) {
	s.t.Helper()
	got, body := s.ask(method, path, "")
	var members map[string]any
	if err := json.Unmarshal([]byte(body), &members); err != nil || got != status {
		s.t.Fatalf("%s %s: %d %s", method, path, got, body)
	}
	for name, value := range want {
		if members[name] != value {
			s.t.Errorf("%s %s: %s is %v, want %v", method, path, name, members[name], value)
		}
	}
}

// process uploads the file, processes it, and returns the id of its batch.
func (s *transcript) process() string {
	s.t.Helper()
	status, body := s.ask(http.MethodPost, "/uploads?process=true&dedupe=occurrence", aged)
	var answer struct {
		BatchID string `json:"batch_id"`
		Status  string
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil || status != http.StatusCreated || answer.Status != "completed" {
		s.t.Fatalf("upload: %d %s", status, body)
	}
	return answer.BatchID
}

// age waits until retention would purge a batch.
func (s *transcript) age() {
	s.t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); <-tick.C {
		if _, body := s.ask(http.MethodPost, "/admin/retention?dry_run=true", ""); strings.Contains(body, `"sealed_count":1,`) {
			return
		}
	}
	s.t.Fatal("no batch grows old")
}

func TestOldEventsArePurgedOnEveryBackend(t *testing.T) {
	for name, pairs := range backendPairs(t) {
		t.Run(name, func(t *testing.T) {
			s := agingServer(t, append(pairs, "RETAIN_EVENTS", brief, "RETAIN_REJECTED", brief, "RETAIN_BATCHES", "0")...)
			id := s.process()
			const query = "/metrics?from=2025-12-11&to=2025-12-12&group_by=test_id&uniques=false"
			_, before := s.ask(http.MethodGet, query, "")
			s.age()
			all := map[string]any{"sealed_count": 1.0, "event_count": 3.0, "cleared_count": 1.0, "rejected_row_count": 1.0, "batch_count": 0.0, "drifted_count": 0.0}
			s.is(http.MethodPost, "/admin/retention?dry_run=true", http.StatusOK, all)
			s.is(http.MethodGet, "/batches/"+id, http.StatusOK, map[string]any{"sealed": false})
			s.is(http.MethodPost, "/admin/retention", http.StatusOK, all)
			s.is(http.MethodPost, "/admin/retention", http.StatusOK, map[string]any{"sealed_count": 0.0, "event_count": 0.0, "cleared_count": 0.0})
			s.is(http.MethodGet, "/batches/"+id, http.StatusOK, map[string]any{"sealed": true, "inserted_count": 3.0, "failed_count": 1.0})
			s.is(http.MethodGet, "/batches/"+id+"/errors", http.StatusGone, map[string]any{"code": "gone"})
			if _, after := s.ask(http.MethodGet, query, ""); after != before {
				t.Errorf("the metrics were %s, and are %s", before, after)
			}
			res := s.send(0, &step{request: "GET /metrics?from=2025-12-11&to=2025-12-12&finality=true&format=csv"})
			_ = res.Body.Close()
			if got := res.Header.Get("Cache-Control"); got != "private, max-age=86400" {
				t.Errorf("Cache-Control of a sealed range is %q", got)
			}
			if _, csv := s.ask(http.MethodGet, "/metrics?from=2025-12-11&to=2025-12-12&finality=true&format=csv", ""); strings.Count(csv, ",sealed\n") != 2 {
				t.Errorf("finality: %s", csv)
			}
			s.is(http.MethodPost, "/admin/reprocess", http.StatusOK, map[string]any{"sealed_count": 1.0, "drifted_count": 0.0, "unfilled_count": 0.0})
			s.is(http.MethodPost, "/admin/integrity", http.StatusOK, map[string]any{"ok": true})
		})
	}
}

func TestOldBatchesAreArchivedOnEveryBackend(t *testing.T) {
	for name, pairs := range backendPairs(t) {
		t.Run(name, func(t *testing.T) {
			s := agingServer(t, append(pairs, "RETAIN_EVENTS", "0", "RETAIN_REJECTED", "0", "RETAIN_BATCHES", brief)...)
			id := s.process()
			const query = "/metrics?from=2025-12-11&to=2025-12-12"
			_, before := s.ask(http.MethodGet, query, "")
			s.age()
			s.is(http.MethodPost, "/admin/retention", http.StatusOK, map[string]any{"sealed_count": 1.0, "batch_count": 1.0})
			s.is(http.MethodGet, "/batches/"+id, http.StatusNotFound, map[string]any{"code": "not_found"})
			s.is(http.MethodGet, "/batches", http.StatusOK, map[string]any{"count": 0.0})
			// What counts permanently must not count again.
			status, again := s.ask(http.MethodPost, "/uploads?process=true", aged)
			if status != http.StatusOK || !strings.Contains(again, `"duplicate_of":"`+id+`"`) {
				t.Errorf("the same file again: %d %s", status, again)
			}
			status, rows := s.ask(http.MethodPost, "/uploads?process=true&on_duplicate=allow&dedupe=occurrence", aged)
			if status != http.StatusCreated || !strings.Contains(rows, `"duplicate_count":3`) {
				t.Errorf("its rows again: %d %s", status, rows)
			}
			if _, after := s.ask(http.MethodGet, query, ""); after != before {
				t.Errorf("the metrics were %s, and are %s", before, after)
			}
			s.is(http.MethodPost, "/admin/integrity", http.StatusOK, map[string]any{"ok": true})
		})
	}
}
