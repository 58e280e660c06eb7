package history_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// erasure is the receipt of an erasure.
type erasure struct {
	ID          string `json:"erasure_id"`
	Complete    bool   `json:"complete"`
	SubjectHash string `json:"subject_hash"`
	Events      int    `json:"event_count"`
	Rows        int    `json:"rejected_row_count"`
	Dead        int    `json:"dead_letter_count"`
	Causes      int    `json:"cause_count"`
	Sealed      int    `json:"sealed_count"`
	Changed     int    `json:"changed_count"`
	Unreadable  int    `json:"unreadable_count"`
	Texts       int    `json:"text_count"`
	Left        int    `json:"left_count"`
	LeftNames   int    `json:"left_name_count"`
	Unfinished  int    `json:"unfinished_count"`
}

// opErase erases a subject.
func (h *history) opErase() error {
	if err := h.settle(); err != nil {
		return err
	}
	subject, counts, dry := pick(h.rng, subjects), pick(h.rng, []string{"keep", "subtract"}), chance(h.rng, 20)
	h.note("erase %q, %s, dry run %v", subject, counts, dry)
	want := h.model.erase(subject, counts == "subtract", dry, h.order.Dimensions)
	body, err := json.Marshal(map[string]any{"subject": subject, "counts": counts, "dry_run": dry})
	if err != nil {
		return err
	}
	a, err := h.ask(&request{
		method: http.MethodPost, path: "/admin/erasures", body: body, headers: http.Header{"Content-Type": {"application/json"}},
	})
	if err != nil {
		return err
	}
	if a.status != http.StatusOK {
		return fmt.Errorf("erase %q: %s", subject, a)
	}
	var got erasure
	if err := a.into(&got); err != nil {
		return err
	}
	hash := sha256.Sum256([]byte(got.ID + "\n" + subject))
	want.ID, want.SubjectHash = got.ID, hex.EncodeToString(hash[:])
	if h.kills > 0 { // what was cut off may hold the subject until cleanup
		want.Unfinished, want.Complete = got.Unfinished, got.Unfinished == 0
	}
	if a.again {
		want.Events, want.Rows, want.Dead, want.Causes, want.Texts, want.Changed = got.Events, got.Rows, got.Dead, got.Causes, got.Texts, got.Changed
	}
	if got != want {
		return fmt.Errorf("erase %q: %s; want %+v", subject, a.body, want)
	}
	return nil
}

// erase removes a subject, and says what that changes.
func (m *model) erase(subject string, subtract, dry bool, dimensions []string) erasure {
	r := erasure{Complete: true}
	for _, b := range m.visible() {
		if b.dead && mentions(b.lastError, subject) {
			r.Dead++
			b.dead = dry
		}
		events, rows, causes := b.erase(subject, subtract, dry, dimensions)
		if b.purged {
			r.Sealed++
		}
		r.Events, r.Rows, r.Causes = r.Events+events, r.Rows+rows, r.Causes+causes
		keys := b.eraseKeys(subject, dry)
		r.Texts += keys
		if events+rows+causes+keys > 0 {
			r.Changed++
		}
	}
	return r
}

// eraseKeys removes all keys of a batch if some name a subject, and returns how
// many do.
func (b *batch) eraseKeys(subject string, dry bool) (n int) {
	for _, key := range b.allKeys() {
		if mentions(key, subject) {
			n++
		}
	}
	if n > 0 && !dry {
		b.key, b.further = "", nil
	}
	return n
}

func (b *batch) erase(subject string, subtract, dry bool, dimensions []string) (events, rows, causes int) {
	by := b.dimensions
	if len(by) == 0 {
		by = dimensions
	}
	for _, e := range b.raw() {
		if e.subject != subject {
			continue
		}
		events++
		if !dry {
			e.gone, e.subtracted, e.kept, e.keptBy = true, subtract, !subtract, by
			b.erased++
		}
	}
	if b.state == completed && !b.purged && b.erased > 0 && !dry {
		b.breakDown(dimensions)
	}
	for _, row := range b.rejected {
		if !b.cleared && !row.gone && row.subject == subject {
			rows++
			row.gone = !dry
		}
	}
	if mentions(b.lastError, subject) {
		causes++
		if !dry {
			b.lastError = "erased"
		}
	}
	return events, rows, causes
}

func mentions(text, subject string) bool { return strings.HasSuffix(text, "near "+subject) }
