package httpapi_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/httpapi"
	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/queue"
)

func TestUnknownRoutesAndMethods(t *testing.T) {
	a := start(t, setup{})
	a.get("/nowhere").problem(t, http.StatusNotFound, httpapi.CodeNotFound)
	a.get("/batches/not-an-id").problem(t, http.StatusNotFound, httpapi.CodeNotFound)
	res := a.get("/uploads")
	res.problem(t, http.StatusMethodNotAllowed, httpapi.CodeMethodNotAllowed)
	if got := res.header.Get("Allow"); got != "POST" {
		t.Errorf("Allow is %q", got)
	}
	problem := a.do("POST", "/batches/0199d2f8-0000-7000-8000-000000000000/process", nil).problem(t, http.StatusNotFound, httpapi.CodeNotFound)
	if problem["error"] != "Batch not found" {
		t.Errorf("error is %v", problem["error"])
	}
}

func TestEveryAnswerHasItsHeaders(t *testing.T) {
	a := start(t, setup{})
	for _, path := range []string{"/", "/health", "/nowhere", "/metrics", "/batches"} {
		res := a.get(path, "X-Request-Id", "abc-1")
		if got := res.header.Get("X-Request-Id"); got != "abc-1" {
			t.Errorf("%s: X-Request-Id is %q", path, got)
		}
		if res.header.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(res.header.Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("%s: headers %v", path, res.header)
		}
	}
	for _, bad := range []string{strings.Repeat("x", 65), "a\tb"} {
		if got := a.get("/health", "X-Request-Id", bad).header.Get("X-Request-Id"); got == bad || got == "" {
			t.Errorf("X-Request-Id %q became %q", bad, got)
		}
	}
}

func TestHandlerWorksUnderAPrefix(t *testing.T) {
	a := start(t, setup{prefix: "/em/v1"})
	res := a.csv("/uploads", header+day8+",,x,\n")
	id := res.json(t)["batch_id"].(string)
	if got := res.header.Get("Location"); got != "/em/v1/batches/"+id {
		t.Errorf("Location is %q", got)
	}
	if got := res.json(t)["errors_url"]; got != "/em/v1/batches/"+id+"/errors" {
		t.Errorf("errors_url is %v", got)
	}
	problem := a.get("/nowhere").problem(t, http.StatusNotFound, httpapi.CodeNotFound)
	if problem["instance"] != "/em/v1/nowhere" {
		t.Errorf("instance is %v", problem["instance"])
	}
}

func TestHealthAndReadiness(t *testing.T) {
	a := start(t, setup{})
	health := a.get("/health").json(t)
	if uptime, ok := health["uptime"].(float64); health["status"] != "ok" || !ok || uptime <= 0 {
		t.Errorf("health: %v", health)
	}
	if health["version"] != "" {
		t.Errorf("without Options.Version, health is %v", health)
	}
	if res := a.get("/readyz"); res.status != http.StatusOK {
		t.Errorf("readyz: %d", res.status)
	}
	a.handler.Drain()
	a.get("/readyz").problem(t, http.StatusServiceUnavailable, httpapi.CodeBusy)
	if res := a.get("/healthz"); res.status != http.StatusOK {
		t.Errorf("healthz while draining: %d", res.status)
	}
}

// kill makes the jobs of batches dead letters, by taking them from the queue
// with a handler that fails for good.
func (a *api) kill(n int64) {
	a.t.Helper()
	ctx, stop := context.WithTimeout(a.t.Context(), 30*time.Second)
	defer stop()
	go func() {
		for {
			if stats, _ := a.queue.Stats(ctx); stats.Dead == n || ctx.Err() != nil {
				stop()
				return
			}
		}
	}()
	broken := func(context.Context, queue.Job) error { return queue.Permanent(errors.New("disk on fire")) }
	if err := a.queue.Consume(ctx, broken); err != nil {
		a.t.Fatal(err)
	}
}

func TestDeadLetters(t *testing.T) {
	a := start(t, setup{idle: true})
	const dlq = "/admin/queues/event-processing/dlq"
	var ids []string
	for range 3 {
		id := a.csv("/uploads?process=true&on_duplicate=allow", header+day8).json(t)["batch_id"].(string)
		ids = append(ids, id)
	}
	a.kill(3)
	list := a.get(dlq + "?limit=2").json(t)
	if list["queue"] != "event-processing" || list["failed_count"] != 3.0 || len(list["jobs"].([]any)) != 2 {
		t.Errorf("first page: %v", list)
	}
	list = a.get(dlq + "?limit=2&cursor=" + list["next_cursor"].(string)).json(t)
	job := list["jobs"].([]any)[0].(map[string]any)
	if len(list["jobs"].([]any)) != 1 || job["failedReason"] != "disk on fire" || job["attempts"] != 1.0 || job["timestamp"].(float64) < 1e12 {
		t.Errorf("second page: %v", list)
	}
	failures := job["failures"].([]any)
	first := failures[0].(map[string]any)
	if at, err := time.Parse(time.RFC3339, first["at"].(string)); len(failures) != 1 || first["attempt"] != 1.0 || first["error"] != "disk on fire" || err != nil || time.Since(at) > time.Hour {
		t.Errorf("failures are %v, want the one attempt", failures)
	}
	batch := job["data"].(map[string]any)["batchId"].(string)
	if job["id"] != "process:"+batch || !set(ids)[batch] {
		t.Errorf("job %v is of no batch", job)
	}
	job2 := "/process:" + batch
	if res := a.do("POST", dlq+job2+"/retry", nil); res.status != http.StatusOK {
		t.Errorf("retry: %d %s", res.status, res.body)
	}
	a.do("POST", dlq+job2+"/retry", nil).problem(t, http.StatusConflict, httpapi.CodeConflict)
	if res := a.do("POST", dlq+"/retry", nil); res.json(t)["retried_count"] != 2.0 {
		t.Errorf("retry all: %d %s", res.status, res.body)
	}
	a.kill(3)
	if res := a.do("DELETE", dlq+job2+"?reason=a+test", nil); res.status != http.StatusNoContent {
		t.Errorf("discard: %d %s", res.status, res.body)
	}
	a.do("DELETE", dlq+job2, nil).problem(t, http.StatusNotFound, httpapi.CodeNotFound)
	if got := a.get(dlq).json(t)["failed_count"]; got != 2.0 {
		t.Errorf("failed_count is %v, want 2", got)
	}
	a.get(dlq+"?cursor=nonsense").problem(t, http.StatusBadRequest, httpapi.CodeBadRequest)
	problem := a.get("/admin/queues/other/dlq").problem(t, http.StatusNotFound, httpapi.CodeNotFound)
	if problem["error"] != "Queue not found" {
		t.Errorf("error is %v", problem["error"])
	}
}

// A process may be lost after its job became a dead letter and before the
// batch was marked failed.
func TestReconcilerDoesNotUndoADiscard(t *testing.T) {
	later := func() time.Time { return time.Now().Add(time.Hour) }
	a := start(t, setup{idle: true, service: eventmetrics.Options{Now: later}})
	id := a.csv("/uploads?process=true", header+day8).json(t)["batch_id"].(string)
	a.kill(1) // and leaves the batch queued
	if res := a.do("DELETE", "/admin/queues/event-processing/dlq/process:"+id, nil); res.status != http.StatusNoContent {
		t.Fatalf("discard: %d %s", res.status, res.body)
	}
	if err := a.service.Reconcile(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := a.get("/admin/queues/event-processing").json(t); got["waiting_count"] != 0.0 {
		t.Errorf("%v jobs are waiting, want 0", got["waiting_count"])
	}
	if got := a.get("/batches/" + id).json(t); got["status"] != "failed" || got["last_error"] != "disk on fire" {
		t.Errorf("the batch is %v: %v, want failed with the cause", got["status"], got["last_error"])
	}
}

func TestQueuesReportTheirState(t *testing.T) {
	a := start(t, setup{idle: true})
	a.csv("/uploads?process=true", header+day8)
	a.kill(1)
	a.csv("/uploads?process=true&on_duplicate=allow", header+day8)
	state := a.get("/admin/queues/event-processing").json(t)
	if age, ok := state["oldest_waiting_seconds"].(float64); !ok || age < 0 {
		t.Errorf("the job that waits has the age %v", state["oldest_waiting_seconds"])
	}
	delete(state, "oldest_waiting_seconds") // which changes
	want := map[string]any{"queue": "event-processing", "waiting_count": 1.0, "delayed_count": 0.0, "running_count": 0.0, "dead_count": 1.0}
	if d := cmp.Diff(want, state); d != "" {
		t.Error(d)
	}
	if list := a.get("/admin/queues").json(t); list["count"] != 1.0 || len(list["data"].([]any)) != 1 {
		t.Errorf("queues: %v", list)
	}
	a.get("/admin/queues/other").problem(t, http.StatusNotFound, httpapi.CodeNotFound)
}

func TestSchemaIsThatOfTheService(t *testing.T) {
	a := start(t, setup{service: eventmetrics.Options{
		Schema: ingest.Schema{Required: []string{}, EventType: "kind", Time: "at"}, Subject: "who", MaxUploadBytes: 1 << 20,
	}})
	want := map[string]any{
		"schema": "", "schemas": []any{}, "dimensions": []any{}, "rules": []any{},
		"columns": map[string]any{
			"required": []any{"kind", "at"}, "event_id": "event_id", "event_type": "kind", "timestamp": "at", "subject": "who",
		},
		"limits": map[string]any{
			"upload_bytes": 1048576.0, "rows": 1e8, "columns": 256.0, "row_bytes": 1048576.0, "value_bytes": 1024.0, "errors": 100.0, "repair_bytes": 67108864.0, "dedupe_rows": 4e6,
		},
	}
	if d := cmp.Diff(want, a.get("/schema").json(t)); d != "" {
		t.Error(d)
	}
}

// tamper makes the ledger have nothing for a batch.
func (a *api) tamper(id string) {
	a.t.Helper()
	if err := a.store.Amend(a.t.Context(), id, nil); err != nil {
		a.t.Fatal(err)
	}
}

// driftOf is what is reported of a batch of day8 that was tampered with.
func driftOf(id string) any {
	cell := func(day, name string, count float64) any {
		return map[string]any{
			"date": day, "event_type": name, "cause": "missing_in_ledger",
			"ledger_count": 0.0, "event_count": count, "difference": -count,
		}
	}
	return map[string]any{
		"batch_id": id, "cause": "missing_in_ledger", "ledger_count": 0.0, "event_count": 3.0, "difference": -3.0,
		"cells": []any{cell("2025-11-08", "started", 2), cell("2025-11-09", "done", 1)}, "cells_truncated": false,
	}
}

func TestReprocessReportsDrift(t *testing.T) {
	a := start(t, setup{})
	id := a.count(day8)
	a.tamper(id)
	want := map[string]any{
		"batch_count": 1.0, "event_count": 3.0, "sealed_count": 0.0, "unreadable_count": 0.0, "drifted_count": 1.0, "amended_count": 1.0,
		"filled_count": 0.0, "unfilled_count": 0.0,
		"drifts": []any{driftOf(id)}, "wrong_days": []any{}, "rebuilt": false,
	}
	if d := cmp.Diff(want, a.do("POST", "/admin/reprocess", nil).json(t)); d != "" {
		t.Error(d)
	}
}

func TestReprocessAndCleanupReport(t *testing.T) {
	a := start(t, setup{service: eventmetrics.Options{CleanupTTL: time.Nanosecond, CleanupEvery: -1}})
	a.count(day8)
	want := map[string]any{
		"batch_count": 1.0, "event_count": 3.0, "sealed_count": 0.0, "unreadable_count": 0.0, "drifted_count": 0.0, "amended_count": 0.0,
		"filled_count": 0.0, "unfilled_count": 0.0, "drifts": []any{}, "wrong_days": []any{}, "rebuilt": false,
	}
	if d := cmp.Diff(want, a.do("POST", "/admin/reprocess", nil).json(t)); d != "" {
		t.Error(d)
	}
	id := a.csv("/uploads?on_duplicate=allow", header+day8).json(t)["batch_id"].(string)
	<-time.After(5 * time.Millisecond) // batches know their age to the millisecond
	for _, dryRun := range []string{"true", "false"} {
		got := a.do("POST", "/admin/cleanup?dry_run="+dryRun, nil).json(t)
		want := map[string]any{"dry_run": dryRun == "true", "batch_count": 1.0, "event_count": 3.0, "remainder_count": 0.0}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	}
	a.get("/batches/"+id).problem(t, http.StatusNotFound, httpapi.CodeNotFound)
}

func TestRetentionReportsAndRemoves(t *testing.T) {
	old := eventmetrics.Retention{Events: time.Nanosecond, Rejected: time.Nanosecond}
	a := start(t, setup{service: eventmetrics.Options{Retention: old, RetainEvery: -1}})
	id := a.count(day8 + "C9,T1,started,never\n")
	<-time.After(5 * time.Millisecond) // batches know their age to the millisecond
	want := map[string]any{
		"periods":      map[string]any{"events": 0.0, "rejected_rows": 0.0, "batches": nil, "dead_letters": nil},
		"sealed_count": 1.0, "event_count": 3.0, "cleared_count": 1.0, "rejected_row_count": 1.0, "batch_count": 0.0,
		"dead_letter_count": 0.0, "drifted_count": 0.0, "drifts": []any{}, "unreadable_count": 0.0,
	}
	for _, dryRun := range []string{"true", "false"} {
		want["dry_run"] = dryRun == "true"
		if d := cmp.Diff(want, a.do("POST", "/admin/retention?dry_run="+dryRun, nil).json(t)); d != "" {
			t.Error(d)
		}
	}
	a.get("/batches/"+id+"/errors").problem(t, http.StatusGone, httpapi.CodeGone)
	if got := a.get("/batches/" + id).json(t); got["failed_count"] != 1.0 || got["sealed"] != true {
		t.Errorf("the batch afterwards: %v", got)
	}
	a.do("POST", "/admin/retention?dry_run=maybe", nil).problem(t, http.StatusBadRequest, httpapi.CodeBadRequest)
}

func TestErasureAnswersWithAReceipt(t *testing.T) {
	a := start(t, setup{})
	id := a.count("C1,T1,started,2025-11-08T09:00:00Z\nC2,T1,started,2025-11-08T09:00:00Z\nC1,T1,started,never\n")
	erase := func(body string) answer {
		return a.do("POST", "/admin/erasures", strings.NewReader(body), "Content-Type", "application/json")
	}
	want := map[string]any{
		"counts": "subtract", "complete": true, "subject_column": "candidate_id", "batch_count": 1.0, "changed_count": 1.0,
		"changed_batches": []any{id}, "changed_truncated": false, "event_count": 1.0, "rejected_row_count": 1.0, "dead_letter_count": 0.0,
		"cause_count": 0.0, "text_count": 0.0, "left_count": 0.0, "left_batches": []any{}, "left_name_count": 0.0, "unfinished_count": 0.0,
		"sealed_count": 0.0, "unreachable_schemas": []any{}, "unreadable_count": 0.0, "unsettled": false,
	}
	for _, dryRun := range []bool{true, false} {
		want["dry_run"] = dryRun
		res := erase(fmt.Sprintf(`{"subject":"C1","counts":"subtract","dry_run":%v}`, dryRun))
		got := res.json(t)
		hash := sha256.Sum256([]byte(got["erasure_id"].(string) + "\nC1"))
		if got["subject_hash"] != hex.EncodeToString(hash[:]) {
			t.Errorf("the hash is not that of the subject: %s", res.body)
		}
		for _, one := range []string{"erasure_id", "time", "subject_hash", "what_stays"} {
			delete(got, one)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("dry run %v: %s", dryRun, d)
		}
	}
	if got := a.get("/batches/" + id).json(t); got["inserted_count"] != 2.0 || got["erased_count"] != 1.0 || got["failed_count"] != 1.0 {
		t.Errorf("the batch afterwards: %v", got)
	}
	if res := a.get("/batches/" + id + "/errors"); res.status != http.StatusOK || strings.Contains(res.body, "C1,") {
		t.Errorf("rejected rows afterwards: %d %s", res.status, res.body)
	}
	if res := a.get("/metrics"); !strings.Contains(res.body, `"count":1,`) && !strings.Contains(res.body, `"count":1}`) {
		t.Errorf("metrics afterwards: %s", res.body)
	}
}

func TestErasuresAreChecked(t *testing.T) {
	a := start(t, setup{})
	post := func(content, body string) answer {
		return a.do("POST", "/admin/erasures", strings.NewReader(body), "Content-Type", content)
	}
	for _, body := range []string{
		"", "{}", "[]", `{"subject":"C1"}`, `{"subject":"","counts":"keep"}`, `{"subject":"C1","counts":"both"}`, `{"subject":1,"counts":"keep"}`,
		`{"subject":"C1","counts":"keep","dryrun":true}`, `{"subject":"C1","counts":"keep"} {}`, `{"subject":"C1`,
	} {
		res := post("application/json", body)
		if res.problem(t, http.StatusBadRequest, httpapi.CodeBadRequest); strings.Contains(res.body, "C1") {
			t.Errorf("the answer to %s names the subject: %s", body, res.body)
		}
	}
	post("text/plain", `{"subject":"C1","counts":"keep"}`).problem(t, http.StatusUnsupportedMediaType, httpapi.CodeUnsupportedMedia)
	post("application/json", `{"subject":"`+strings.Repeat("x", 70_000)+`"}`).problem(t, http.StatusRequestEntityTooLarge, httpapi.CodeTooLarge)
}
