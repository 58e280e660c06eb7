package history_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// batchJSON is what a server says of a batch.
type batchJSON struct {
	BatchID        string  `json:"batch_id"`
	CreatedAt      string  `json:"created_at"`
	UpdatedAt      string  `json:"updated_at"`
	FileName       string  `json:"file_name"`
	Status         string  `json:"status"`
	SHA256         string  `json:"sha256"`
	Repairs        *string `json:"repairs"`
	LastError      *string `json:"last_error"`
	InsertedCount  int     `json:"inserted_count"`
	FailedCount    int     `json:"failed_count"`
	DuplicateCount int     `json:"duplicate_count"`
	ErasedCount    int     `json:"erased_count"`
	OpenErrorCount int     `json:"open_error_count"`
	Sealed         bool    `json:"sealed"`
	RepairedBy     []struct {
		BatchID string `json:"batch_id"`
	} `json:"repaired_by"`
}

// list returns all batches, page by page.
func (h *history) list() (all []batchJSON, _ error) {
	limit := 1 + h.rng.IntN(20)
	for cursor := ""; ; {
		var page struct {
			Data       []batchJSON `json:"data"`
			NextCursor string      `json:"next_cursor"`
		}
		q := url.Values{"limit": {strconv.Itoa(limit)}}
		if cursor != "" {
			q.Set("cursor", cursor)
		}
		if err := h.get("/batches?"+q.Encode(), &page); err != nil {
			return nil, err
		}
		all = append(all, page.Data...)
		if cursor = page.NextCursor; cursor == "" {
			return all, nil
		}
	}
}

// enqueued notes that a batch has a job, since a time or later.
func (h *history) enqueued(b *batch, begin time.Time) {
	b.state, b.dead, b.lastError = queued, false, ""
	b.recordedFrom, b.recordedTo = begin, begin
	if h.now().Before(begin) {
		b.recordedFrom = h.now()
	}
}

// settle waits until no batch is queued or processing, and notes what became
// of them.
func (h *history) settle() error {
	if err := h.letGo(); err != nil {
		return err
	}
	waiting := h.model.where(func(b *batch) bool { return b.state == queued })
	if len(waiting) > 0 {
		if err := h.makeRoom(); err != nil {
			return err
		}
	}
	for _, b := range waiting {
		if err := h.settleBatch(b); err != nil {
			return err
		}
	}
	return nil
}

func (h *history) settleIf(needed bool) error {
	if needed {
		return h.settle()
	}
	return nil
}

func (h *history) settleBatch(b *batch) error {
	var got batchJSON
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if err := h.get("/batches/"+b.id, &got); err != nil {
			return err
		}
		if got.Status == string(completed) && b.poison == "" || got.Status == string(failed) && b.poison != "" {
			break
		}
		if got.Status == string(failed) && !b.retried || time.Now().After(deadline) {
			return fmt.Errorf("batch %s is %s, updated at %s, with the error %v; want it processed; the queue: %s", b.id, got.Status, got.UpdatedAt, text(got.LastError), h.queueText())
		}
	}
	b.retried = false
	if got.Status == string(failed) {
		b.state, b.dead, b.died, b.lastError = failed, true, time.Now(), b.poison
		return h.waitDead(b)
	}
	b.state, b.recordedTo = completed, latest(b.recordedTo, h.now())
	if b.erased > 0 {
		b.breakDown(h.order.Dimensions)
	}
	return nil
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func (h *history) queueText() string {
	a, err := h.ask(&request{method: http.MethodGet, path: "/admin/queues"})
	if err != nil {
		return err.Error()
	}
	return a.String()
}

// waitDead waits until the job of a failed batch is a dead letter: the batch is
// marked before.
func (h *history) waitDead(b *batch) error {
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		dead, err := h.deadLetters()
		if err != nil {
			return err
		}
		for _, d := range dead {
			if d.Data.BatchID == b.id {
				return nil
			}
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("batch %s failed and its job is no dead letter; the queue: %s", b.id, h.queueText())
		}
	}
}

// any picks one of the batches for which a condition holds, or nil.
func (h *history) any(holds func(*batch) bool) *batch {
	all := h.model.where(holds)
	if len(all) == 0 {
		return nil
	}
	return pick(h.rng, all)
}

// post sends a request with no body that must be answered with a status.
func (h *history) post(method, path string, headers http.Header, statuses ...int) (*answer, error) {
	a, err := h.ask(&request{method: method, path: path, headers: headers})
	if err != nil {
		return nil, err
	}
	if !slices.Contains(statuses, a.status) {
		return nil, fmt.Errorf("%s %s: %s; want %v", method, path, a, statuses)
	}
	return a, nil
}

// opProcess queues a batch in any state.
func (h *history) opProcess() error {
	b := h.any(func(b *batch) bool { return b.state == uploaded || b.state == failed || chance(h.rng, 10) })
	if b == nil {
		return h.opUpload()
	}
	return h.process(b, chance(h.rng, 50))
}

func (h *history) process(b *batch, wait bool) error {
	if err := h.letGoIf(wait); err != nil {
		return err
	}
	if b.state == queued && b.poison != "" { // it may have failed already
		if err := h.settle(); err != nil {
			return err
		}
	}
	h.note("process %s, which is %s, wait %v", b.id, b.state, wait)
	begin := h.now()
	headers := http.Header{}
	if wait {
		headers.Set("Prefer", "wait=20")
	}
	a, err := h.post(http.MethodPost, "/batches/"+b.id+"/process", headers, 200, 202, 400, 409)
	if err != nil {
		return err
	}
	refused := a.status >= 400
	waiting := b.state == uploaded || b.state == failed
	if refused && waiting && !a.again {
		return fmt.Errorf("process of a batch that is %s: %s", b.state, a)
	}
	if !refused && !waiting {
		return fmt.Errorf("process of a batch that is %s: %s", b.state, a)
	}
	if waiting {
		h.enqueued(b, begin)
	}
	return nil
}

// opDelete deletes a batch in any state.
func (h *history) opDelete() error {
	b := h.any(func(*batch) bool { return true })
	if b == nil {
		return nil
	}
	return h.delete(b)
}

func (h *history) delete(b *batch) error {
	h.note("delete %s, which is %s", b.id, b.state)
	again := false
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		a, err := h.post(http.MethodDelete, "/batches/"+b.id, nil, 200, 204, 404, 409)
		if err != nil {
			return err
		}
		again = again || a.again
		if a.status == http.StatusNotFound && !again {
			return fmt.Errorf("delete batch %s: %s", b.id, a)
		}
		if a.status != http.StatusConflict {
			break
		}
		if b.state != queued || time.Now().After(deadline) {
			return fmt.Errorf("delete batch %s, which is %s: %s", b.id, b.state, a)
		}
		if err := h.letGo(); err != nil {
			return err
		}
	}
	h.model.remove(b)
	delete(h.order.Poison, b.id)
	return nil
}

// letGo ends what keeps batches from being recorded.
func (h *history) letGo() error {
	if !h.held {
		return nil
	}
	hold := false
	h.held = false
	return h.set(&settings{Hold: &hold})
}

func (h *history) letGoIf(needed bool) error {
	if needed {
		return h.letGo()
	}
	return nil
}

// opDeleteProcessing deletes a batch while it is processed.
func (h *history) opDeleteProcessing() error {
	b := h.any(func(b *batch) bool { return b.state == uploaded })
	if b == nil {
		return h.opUpload()
	}
	hold := true
	if err := h.set(&settings{Hold: &hold}); err != nil {
		return err
	}
	h.held = true
	if err := h.process(b, false); err != nil {
		return err
	}
	for range 20 {
		var got batchJSON
		if err := h.get("/batches/"+b.id, &got); err != nil {
			return err
		}
		if got.Status != string(queued) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if chance(h.rng, 30) {
		return nil // the operations that follow meet it while it is processed
	}
	return h.delete(b)
}

// opErrors reads the repair file of a batch.
func (h *history) opErrors() error {
	b := h.any(func(b *batch) bool { return len(b.rejected) > 0 })
	if b == nil {
		return h.opUpload()
	}
	h.note("repair file of %s", b.id)
	_, err := h.repairFile(b)
	return err
}

// repairFile returns the rejected rows of a batch that its repair file has.
func (h *history) repairFile(b *batch) ([]*rejected, error) {
	a, err := h.post(http.MethodGet, "/batches/"+b.id+"/errors", nil, 200, 410)
	if err != nil {
		return nil, err
	}
	if (a.status == http.StatusGone) != b.cleared {
		return nil, fmt.Errorf("repair file of %s: %s; want it purged: %v", b.id, a, b.cleared)
	}
	if b.cleared {
		return nil, nil
	}
	var left []*rejected
	for _, r := range b.rejected {
		if !r.gone {
			left = append(left, r)
		}
	}
	if err := compareRepairFile(string(a.body), left); err != nil {
		return nil, fmt.Errorf("repair file of %s: %w", b.id, err)
	}
	return left, nil
}

// compareRepairFile compares the last columns of a repair file.
func compareRepairFile(content string, want []*rejected) error {
	lines := strings.Split(strings.TrimSuffix(content, "\n"), "\n")
	if len(lines) != len(want)+1 {
		return fmt.Errorf("%d rows; want %d:\n%s", len(lines)-1, len(want), content)
	}
	if !strings.HasSuffix(lines[0], "_row,_line,_column,_code,_message") {
		return fmt.Errorf("the header is %s", lines[0])
	}
	for i, r := range want {
		part := fmt.Sprintf(",%d,%d,%s,%s,", r.number, r.line, r.column, r.code)
		if !strings.Contains(lines[i+1], part) {
			return fmt.Errorf("row %q has no %q", lines[i+1], part)
		}
	}
	return nil
}
