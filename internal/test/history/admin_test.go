package history_test

import (
	"fmt"
	"net/http"
	"slices"
	"time"
)

// The periods of the server, by its clock.
const (
	keepUnqueued = 24 * time.Hour
	keepEvents   = 30 * day
	keepRejected = 10 * day
	keepBatches  = 90 * day
	keepDead     = 20 * day
)

// isClear reports whether it is clear how the ages of all batches compare with
// some periods, although requests take time.
func (h *history) isClear(periods ...time.Duration) bool {
	for _, b := range h.model.batches {
		for _, p := range periods {
			if near(h.now().Sub(b.created), p) || b.dead && near(h.now().Sub(b.died), p) {
				return false
			}
		}
	}
	return true
}

// opCleanup prunes what nobody has queued.
func (h *history) opCleanup() error {
	if err := h.settle(); err != nil || !h.isClear(keepUnqueued) {
		return err
	}
	dry := chance(h.rng, 30)
	h.note("cleanup, dry run %v", dry)
	var old []*batch
	events := 0
	for _, b := range h.model.where(func(b *batch) bool { return b.state == uploaded && h.now().Sub(b.created) > keepUnqueued }) {
		old = append(old, b)
		events += len(b.raw())
	}
	a, err := h.post(http.MethodPost, fmt.Sprintf("/admin/cleanup?dry_run=%v", dry), nil, 200)
	if err != nil {
		return err
	}
	var got struct {
		BatchCount int `json:"batch_count"`
		EventCount int `json:"event_count"`
	}
	if err := a.into(&got); err != nil {
		return err
	}
	if !a.again && (got.BatchCount != len(old) || got.EventCount != events) {
		return fmt.Errorf("cleanup: %s; want %d batches with %d events", a, len(old), events)
	}
	for _, b := range old {
		if !dry {
			h.model.remove(b)
		}
	}
	return nil
}

// opReconcile looks for batches that lost their job.
func (h *history) opReconcile() error {
	h.note("reconcile")
	_, err := h.post(http.MethodPost, "/-/reconcile", nil, 200)
	return err
}

// reprocessReport is the answer to a reprocess.
type reprocessReport struct {
	Amended    int   `json:"amended_count"`
	Batches    int   `json:"batch_count"`
	Drifted    int   `json:"drifted_count"`
	Events     int   `json:"event_count"`
	Filled     int   `json:"filled_count"`
	Sealed     int   `json:"sealed_count"`
	Unfilled   int   `json:"unfilled_count"`
	Unreadable int   `json:"unreadable_count"`
	WrongDays  []any `json:"wrong_days"`
	Rebuilt    bool  `json:"rebuilt"`
}

// opReprocess recounts all batches.
func (h *history) opReprocess() error { return h.reprocess(false) }

// reprocess recounts all batches. Others may have broken some of them down before.
func (h *history) reprocess(others bool) error {
	if err := h.settle(); err != nil {
		return err
	}
	h.note("reprocess")
	want := h.model.reprocess(h.order.Dimensions)
	a, err := h.post(http.MethodPost, "/admin/reprocess", nil, 200)
	if err != nil {
		return err
	}
	var got reprocessReport
	if err := a.into(&got); err != nil {
		return err
	}
	if a.again || others {
		want.Filled = min(want.Filled, got.Filled)
	}
	if len(got.WrongDays) == 0 {
		got.WrongDays = nil
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		return fmt.Errorf("reprocess: %s; want %+v", a, want)
	}
	return nil
}

// reprocess breaks down what lacks the dimensions.
func (m *model) reprocess(dimensions []string) (r reprocessReport) {
	for _, b := range m.where(func(b *batch) bool { return b.state == completed }) {
		lacks := len(dimensions) > 0 && !sameNames(b.brokenDown(), dimensions)
		switch {
		case b.purged && lacks && len(b.counting()) > 0:
			r.Sealed++
			r.Unfilled++
		case b.purged:
			r.Sealed++
		default:
			r.Batches++
			r.Events += len(b.counting())
			if lacks && b.canBeBrokenDown(dimensions) {
				r.Filled++
				b.dimensions = dimensions
			}
		}
	}
	return r
}

func sameNames(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// opAudit runs a round of the audit.
func (h *history) opAudit() error {
	h.note("audit")
	a, err := h.post(http.MethodPost, "/admin/integrity", nil, 200)
	if err != nil {
		return err
	}
	var got struct {
		OK bool `json:"ok"`
	}
	if err := a.into(&got); err != nil {
		return err
	}
	if !got.OK {
		return fmt.Errorf("the audit has findings: %s", a.body)
	}
	return nil
}

// retentionReport is the answer to a retention.
type retentionReport struct {
	Batches    int  `json:"batch_count"`
	Cleared    int  `json:"cleared_count"`
	Dead       int  `json:"dead_letter_count"`
	Drifted    int  `json:"drifted_count"`
	DryRun     bool `json:"dry_run"`
	Events     int  `json:"event_count"`
	Rows       int  `json:"rejected_row_count"`
	Sealed     int  `json:"sealed_count"`
	Unreadable int  `json:"unreadable_count"`
}

// opRetention removes what is old.
func (h *history) opRetention() error {
	if err := h.settle(); err != nil || !h.isClear(keepEvents, keepRejected, keepBatches, keepDead) {
		return err
	}
	dry := chance(h.rng, 30)
	h.note("retention, dry run %v", dry)
	want := h.model.retain(h.now(), dry)
	a, err := h.post(http.MethodPost, fmt.Sprintf("/admin/retention?dry_run=%v", dry), nil, 200)
	if err != nil {
		return err
	}
	var got retentionReport
	if err := a.into(&got); err != nil {
		return err
	}
	if !a.again && got != want {
		return fmt.Errorf("retention: %s; want %+v", a, want)
	}
	if got.Drifted > 0 || got.Unreadable > 0 {
		return fmt.Errorf("retention: %s", a)
	}
	return nil
}

// retain removes what is old at a time, and says how much that is.
func (m *model) retain(now time.Time, dry bool) (r retentionReport) {
	r.DryRun = dry
	for _, b := range m.visible() {
		age := now.Sub(b.created)
		if b.state == completed && age > keepEvents && !b.purged {
			r.Sealed++
			r.Events += len(b.raw())
			b.purge(dry)
		}
		switch {
		case b.state == completed && age > keepBatches:
			r.Batches++
			b.archived = b.archived || !dry
		case age > keepRejected && len(b.rejected) > 0 && !b.cleared:
			r.Cleared++
			r.Rows += len(b.rejected)
			b.cleared = !dry
		}
		if b.dead && now.Sub(b.died) > keepDead {
			r.Dead++
			b.dead = dry
		}
	}
	return r
}

func (b *batch) purge(dry bool) {
	if dry {
		return
	}
	b.purged = true
	for _, e := range b.events {
		e.gone = true
	}
}
