package history_test

import (
	"fmt"
	"maps"
	"net/http"
)

// opRepair uploads the rejected rows of a batch, corrected.
func (h *history) opRepair() error {
	b := h.any(func(b *batch) bool { return len(b.rejected) > 0 && !b.cleared })
	if b == nil {
		return h.opUpload()
	}
	h.note("repair %s", b.id)
	left, err := h.repairFile(b)
	if err != nil || len(left) == 0 {
		return err
	}
	u := &upload{max: -1, ratio: -1, process: chance(h.rng, 60), repairOf: b, unknown: chance(h.rng, 5)}
	u.file = h.model.repairOf(h, b, left)
	u.options = u.file.options
	u.name = fmt.Sprintf("file-%d.csv", u.file.number)
	if chance(h.rng, 40) {
		u.key = h.model.newKey(h.rng)
	}
	return h.upload(u)
}

// repairOf makes a file of the rejected rows, most of them corrected.
func (m *model) repairOf(h *history, b *batch, left []*rejected) *file {
	f := m.newFile(h.rng, b.schema == "" && chance(h.rng, 20))
	m.files = m.files[:len(m.files)-1]
	rows := f.rows[:0]
	for _, r := range left {
		if chance(h.rng, 80) {
			one := row{event: r.fixed}
			if f.withIDs && one.id == "" {
				one.id = "fixed"
			}
			if !f.withIDs {
				one.id = ""
			}
			rows = append(rows, one)
		}
	}
	if len(rows) == 0 || chance(h.rng, 10) {
		rows = append(rows, newRow(h.rng, b.schema, 30))
	}
	again := &file{number: f.number, withIDs: f.withIDs, schema: b.schema, rows: rows}
	m.finish(h.rng, again)
	return again
}

// opDryRun asks what an upload would do.
func (h *history) opDryRun() error {
	u := h.drawUpload()
	u.dryRun, u.key, u.process = true, "", false
	return h.upload(u)
}

// checkDryRun compares what an upload would do.
func (h *history) checkDryRun(u *upload, a *answer, want *verdict) error {
	if want.code != "" {
		if a.status != want.status || a.code() != want.code {
			return fmt.Errorf("dry run of %s: %s; want %d %s", u, a, want.status, want.code)
		}
		return nil
	}
	if a.status != http.StatusOK {
		return fmt.Errorf("dry run of %s: %s", u, a)
	}
	var got struct {
		Inserted    int     `json:"inserted_count"`
		Failed      int     `json:"failed_count"`
		Duplicates  int     `json:"duplicate_count"`
		DuplicateOf *string `json:"duplicate_of"`
		ChangeCount int     `json:"change_count"`
		Changes     []struct {
			Date   string `json:"date"`
			Type   string `json:"event_type"`
			Before int    `json:"before"`
			After  int    `json:"after"`
		} `json:"changes"`
	}
	if err := a.into(&got); err != nil {
		return err
	}
	if want.batch == nil {
		if got.DuplicateOf == nil {
			return fmt.Errorf("dry run of %s: %s; want it a duplicate", u, a)
		}
		return nil
	}
	b := want.batch
	if got.Inserted != len(b.events) || got.Failed != len(b.rejected) || got.Duplicates != b.duplicates || got.DuplicateOf != nil {
		return fmt.Errorf("dry run of %s: %s; want %d accepted, %d rejected, %d duplicates", u, a, len(b.events), len(b.rejected), b.duplicates)
	}
	before := h.model.cells()
	after := maps.Clone(before)
	touched := map[[2]string]bool{}
	for _, e := range b.events {
		after[cellOf(e)]++
		touched[cellOf(e)] = true
	}
	if got.ChangeCount != len(touched) || len(got.Changes) != len(touched) {
		return fmt.Errorf("dry run of %s: %s; want %d changes", u, a, len(touched))
	}
	for i, cell := range sortedKeys(touched) {
		c := got.Changes[i]
		if [2]string{c.Date, c.Type} != cell || c.Before != before[cell] || c.After != after[cell] {
			return fmt.Errorf("dry run of %s: change %+v; want %v from %d to %d", u, c, cell, before[cell], after[cell])
		}
	}
	return nil
}
