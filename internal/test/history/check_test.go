package history_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// check compares what a server has with the model.
func (h *history) check() error {
	if err := h.settle(); err != nil {
		return err
	}
	h.note("check")
	if err := h.checkBatches(); err != nil {
		return err
	}
	if err := h.checkDead(); err != nil {
		return err
	}
	if b := h.any(func(*batch) bool { return true }); b != nil {
		if err := h.checkBatch(b); err != nil {
			return err
		}
	}
	for range 2 {
		if err := h.checkQuery(h.drawQuery()); err != nil {
			return err
		}
	}
	everything := &query{format: "json"}
	everything.Zone, everything.Interval, everything.GroupBy = time.UTC, "day", h.order.Dimensions
	if err := h.checkQuery(everything); err != nil {
		return err
	}
	time.Sleep(2 * time.Millisecond)
	h.moments = append(h.moments, h.now().Truncate(time.Millisecond))
	time.Sleep(2 * time.Millisecond)
	return nil
}

// checkBatches compares the list of batches.
func (h *history) checkBatches() error {
	all, err := h.list()
	if err != nil {
		return err
	}
	want := h.model.visible()
	if len(all) != len(want) {
		return fmt.Errorf("%d batches; want %d", len(all), len(want))
	}
	for i := range all {
		got := &all[i]
		b := h.model.byID(got.BatchID)
		if b == nil || b.archived {
			return fmt.Errorf("batch %+v should not be there", got)
		}
		if err := b.compare(got); err != nil {
			return err
		}
	}
	return nil
}

// compare compares a batch with what a server says of it.
func (b *batch) compare(got *batchJSON) error {
	want := batchJSON{
		BatchID: b.id, FileName: b.name, Status: string(b.state), SHA256: b.sha, Sealed: b.purged,
		InsertedCount: len(b.events), FailedCount: len(b.rejected), DuplicateCount: b.duplicates, ErasedCount: b.erased,
	}
	have := *got
	have.CreatedAt, have.UpdatedAt, have.Repairs, have.LastError, have.RepairedBy, have.OpenErrorCount = "", "", nil, nil, nil, 0
	if fmt.Sprint(have) != fmt.Sprint(want) {
		return fmt.Errorf("batch %+v; want %+v", have, want)
	}
	if text(got.Repairs) != b.repairOf {
		return fmt.Errorf("batch %s repairs %q; want %q", b.id, text(got.Repairs), b.repairOf)
	}
	if b.state == failed && !strings.Contains(text(got.LastError), b.lastError) {
		return fmt.Errorf("batch %s has the error %q; want %q", b.id, text(got.LastError), b.lastError)
	}
	created, err := time.Parse(time.RFC3339, got.CreatedAt)
	if err != nil || !near(created.Sub(b.created), 0) {
		return fmt.Errorf("batch %s was created at %s; want %s", b.id, got.CreatedAt, b.created)
	}
	return nil
}

// checkBatch compares a batch, its repairs and its raw events.
func (h *history) checkBatch(b *batch) error {
	var got batchJSON
	if err := h.get("/batches/"+b.id, &got); err != nil {
		return err
	}
	if err := b.compare(&got); err != nil {
		return err
	}
	if got.OpenErrorCount != h.model.open(b) {
		return fmt.Errorf("batch %s has %d open errors; want %d", b.id, got.OpenErrorCount, h.model.open(b))
	}
	if len(got.RepairedBy) != len(h.model.repairs(b.id)) {
		return fmt.Errorf("batch %s has the repairs %v; want %d", b.id, got.RepairedBy, len(h.model.repairs(b.id)))
	}
	return h.checkEvents(b)
}

// checkEvents compares the raw events of a batch.
func (h *history) checkEvents(b *batch) error {
	a, err := h.post(http.MethodGet, "/-/events?batch="+b.id, nil, 200, 410)
	if err != nil {
		return err
	}
	if (a.status == http.StatusGone) != b.purged {
		return fmt.Errorf("events of batch %s: %s; want them purged: %v", b.id, a, b.purged)
	}
	if b.purged {
		return nil
	}
	var got, want []string
	for line := range strings.Lines(string(a.body)) {
		members := map[string]string{}
		if err := json.Unmarshal([]byte(line), &members); err != nil {
			return err
		}
		got = append(got, storedText(members))
	}
	for _, e := range b.raw() {
		want = append(want, e.text())
	}
	if !slices.Equal(got, want) {
		return fmt.Errorf("events of batch %s are\n%s\nwant\n%s", b.id, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	return nil
}

// storedText describes an event that a server has.
func storedText(members map[string]string) string {
	at, _ := time.Parse(time.RFC3339Nano, members["@"])
	e := event{kind: members[""], subject: members["candidate_id"], id: members["#"], at: at, values: map[string]string{}}
	for name, v := range members {
		if v != "" && !slices.Contains([]string{"", "@", "#", "candidate_id"}, name) {
			e.values[name] = v
		}
	}
	return e.text()
}
