package history_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
)

// deadLetter is a job that failed permanently.
type deadLetter struct {
	ID   string `json:"id"`
	Data struct {
		BatchID string `json:"batchId"`
	} `json:"data"`
	Reason string `json:"failedReason"`
}

const deadPath = "/admin/queues/event-processing/dlq"

// deadLetters returns all dead letters, page by page.
func (h *history) deadLetters() (all []deadLetter, _ error) {
	limit := 1 + h.rng.IntN(5)
	for cursor := ""; ; {
		var page struct {
			Jobs       []deadLetter `json:"jobs"`
			NextCursor string       `json:"next_cursor"`
		}
		q := url.Values{"limit": {strconv.Itoa(limit)}}
		if cursor != "" {
			q.Set("cursor", cursor)
		}
		if err := h.get(deadPath+"?"+q.Encode(), &page); err != nil {
			return nil, err
		}
		all = append(all, page.Jobs...)
		if cursor = page.NextCursor; cursor == "" {
			return all, nil
		}
	}
}

// opPoison makes the processing of a batch fail.
func (h *history) opPoison() error {
	b := h.any(func(b *batch) bool { return b.state == uploaded || b.state == failed })
	if b == nil {
		return h.opUpload()
	}
	b.poison = "disk on fire near " + pick(h.rng, subjects)
	h.note("poison %s: %s", b.id, b.poison)
	if err := h.setPoison(b); err != nil {
		return err
	}
	if err := h.process(b, chance(h.rng, 30)); err != nil {
		return err
	}
	return h.settle()
}

func (h *history) setPoison(b *batch) error {
	h.order.Poison[b.id] = b.poison
	if b.poison == "" {
		delete(h.order.Poison, b.id)
	}
	return h.set(&settings{Poison: map[string]string{b.id: b.poison}})
}

// heal lets the processing of a batch succeed again, perhaps.
func (h *history) heal(b *batch, share int) error {
	if b.poison == "" || !chance(h.rng, share) {
		return nil
	}
	b.poison = ""
	return h.setPoison(b)
}

func (h *history) allDead() []*batch {
	return h.model.where(func(b *batch) bool { return b.dead })
}

// opRetry retries one dead letter.
func (h *history) opRetry() error {
	if err := h.settle(); err != nil {
		return err
	}
	b := h.any(func(b *batch) bool { return b.dead })
	if b == nil {
		return h.opPoison()
	}
	if err := h.heal(b, 70); err != nil {
		return err
	}
	begin := h.now()
	h.note("retry the dead letter of %s", b.id)
	a, err := h.post(http.MethodPost, deadPath+"/"+url.PathEscape("process:"+b.id)+"/retry", nil, 200, 404, 409)
	if err != nil {
		return err
	}
	if a.status != http.StatusOK && !a.again {
		return errors.New(a.String())
	}
	if a.again { // the job may have died again before
		if err := h.heal(b, 100); err != nil {
			return err
		}
		if _, err := h.post(http.MethodPost, deadPath+"/retry", nil, 200); err != nil {
			return err
		}
		for _, b := range h.allDead() {
			h.enqueued(b, begin)
		}
		b.retried = true
	}
	h.enqueued(b, begin)
	return nil
}

// opRetryAll retries all dead letters.
func (h *history) opRetryAll() error {
	if err := h.settle(); err != nil {
		return err
	}
	all := h.allDead()
	for _, b := range all {
		if err := h.heal(b, 80); err != nil {
			return err
		}
	}
	begin := h.now()
	h.note("retry all %d dead letters", len(all))
	a, err := h.post(http.MethodPost, deadPath+"/retry", nil, 200)
	if err != nil {
		return err
	}
	var got struct {
		Retried int `json:"retried_count"`
	}
	if err := a.into(&got); err != nil {
		return err
	}
	if got.Retried != len(all) && !a.again {
		return fmt.Errorf("retry all: %s; want %d", a, len(all))
	}
	for _, b := range all {
		h.enqueued(b, begin)
		b.retried = a.again
	}
	return nil
}

// opDiscard gives up one dead letter.
func (h *history) opDiscard() error {
	if err := h.settle(); err != nil {
		return err
	}
	b := h.any(func(b *batch) bool { return b.dead })
	if b == nil {
		return h.opPoison()
	}
	h.note("discard the dead letter of %s", b.id)
	path := deadPath + "/" + url.PathEscape("process:"+b.id)
	if chance(h.rng, 50) {
		path += "?reason=nobody+needs+it"
	}
	a, err := h.post(http.MethodDelete, path, nil, 204, 404)
	if err != nil {
		return err
	}
	if a.status == http.StatusNotFound && !a.again {
		return errors.New(a.String())
	}
	b.dead = false
	return nil
}

// checkDead compares the dead letters and the numbers of jobs.
func (h *history) checkDead() error {
	dead, err := h.deadLetters()
	if err != nil {
		return err
	}
	want := map[string]string{}
	for _, b := range h.allDead() {
		want["process:"+b.id] = b.lastError
	}
	for _, d := range dead {
		if _, ok := want[d.ID]; !ok {
			return fmt.Errorf("dead letter %+v should not be there", d)
		}
		delete(want, d.ID)
	}
	for id := range want {
		return fmt.Errorf("dead letter %s is missing", id)
	}
	return nil
}
