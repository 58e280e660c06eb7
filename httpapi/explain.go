package httpapi

import (
	"context"
	"iter"
	"net/http"
	"strconv"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

// explain serves GET /metrics/explain.
func (h *Handler) explain(w http.ResponseWriter, r *http.Request) error {
	p := newParams(r)
	day, eventType, hour := p.day("date"), p.text("event_type"), p.hour("hour")
	if err := p.err(); err != nil {
		return err
	}
	if day == 0 || eventType == "" {
		return badRequest("date and event_type are both needed")
	}
	return h.streamShares(w, r, day, eventType, hour)
}

// slotsPerHour is how many quarter hours an hour has.
const slotsPerHour = metrics.SlotsPerDay / 24

// sharesOf returns what batches contribute to a day, or to the hour that begins with
// a quarter hour of it and may end on the next day, ascending by batch.
func (h *Handler) sharesOf(ctx context.Context, day metrics.Day, eventType string, first *int) iter.Seq2[store.Share, error] {
	shares := h.svc.Explain(ctx, day, eventType)
	if first == nil {
		return shares
	}
	end := *first + slotsPerHour
	shares = between(shares, *first, end)
	if end <= metrics.SlotsPerDay {
		return shares
	}
	return merged(shares, between(h.svc.Explain(ctx, day+1, eventType), 0, end-metrics.SlotsPerDay))
}

// between counts the events of shares from one quarter hour of the day to another.
func between(shares iter.Seq2[store.Share, error], first, end int) iter.Seq2[store.Share, error] {
	return func(yield func(store.Share, error) bool) {
		for share, err := range shares {
			share.Count = 0
			if err == nil {
				for slot, events := range share.Slots.Each() {
					if first <= slot && slot < end {
						share.Count += events
					}
				}
			}
			if !yield(share, err) {
				return
			}
		}
	}
}

// merged adds up the shares of each batch in two sequences that ascend by batch.
func merged(shares, others iter.Seq2[store.Share, error]) iter.Seq2[store.Share, error] {
	return func(yield func(store.Share, error) bool) {
		next, stop := iter.Pull2(others)
		defer stop()
		other, otherErr, ok := next()
		for share, err := range shares {
			for err == nil && ok && otherErr == nil && other.BatchID < share.BatchID {
				if !yield(other, nil) {
					return
				}
				other, otherErr, ok = next()
			}
			if err == nil && ok && otherErr == nil && other.BatchID == share.BatchID {
				share.Count += other.Count
				other, otherErr, ok = next()
			}
			if !yield(share, err) {
				return
			}
		}
		for ; ok; other, otherErr, ok = next() {
			if !yield(other, otherErr) {
				return
			}
		}
	}
}

// streamShares writes the answer in pieces: the number of batches of a day has no
// limit.
func (h *Handler) streamShares(w http.ResponseWriter, r *http.Request, day metrics.Day, eventType string, hour *int) error {
	const flushAt = 32 << 10
	var b []byte
	var sum int64
	sent := false
	for share, err := range h.sharesOf(r.Context(), day, eventType, hour) {
		if err != nil {
			return cutShort(sent, err)
		}
		if share.Count == 0 {
			continue
		}
		if sum == 0 {
			b = appendString(append(b, `{"date":"`+day.String()+`","event_type":`...), eventType)
			b = append(b, `,"batches":[`...)
		} else {
			b = append(b, ',')
		}
		sum += share.Count
		b = append(b, `{"batch_id":"`+share.BatchID+`","count":`...)
		b = append(strconv.AppendInt(b, share.Count, 10), `,"url":`...)
		b = append(appendString(b, batchURL(r, share.BatchID)), '}')
		if len(b) >= flushAt {
			w.Header().Set("Content-Type", "application/json")
			if _, err := w.Write(b); err != nil {
				return cutShort(true, err)
			}
			b, sent = b[:0], true
		}
	}
	if sum == 0 {
		return noMetrics(w)
	}
	w.Header().Set("Content-Type", "application/json")
	b = strconv.AppendInt(append(b, `],"count":`...), sum, 10)
	_, _ = w.Write(append(b, "}\n"...)) // an error means that the client left
	return nil
}
