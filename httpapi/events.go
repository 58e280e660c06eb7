package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

const (
	// maxStreams is the number of concurrent streams of events.
	maxStreams = 256
	// heartbeat is the longest silence in a stream.
	heartbeat = 15 * time.Second
	// streamTime is the greatest duration of a stream. The client connects
	// again, and is authorized again.
	streamTime = 10 * time.Minute
)

// events serves GET /batches/events as server-sent events: "batch" for each
// batch that is new or has changed, "deleted" for a deleted one, and "reset" when
// the client has to read the list again. The stream ends when the client leaves,
// the handler drains or the store fails, and after streamTime. The client then
// connects again with Last-Event-ID.
func (h *Handler) events(w http.ResponseWriter, r *http.Request) error {
	select {
	case h.streams <- struct{}{}:
		defer func() { <-h.streams }()
	default:
		return problem{
			status: http.StatusServiceUnavailable, code: CodeBusy, detail: "too many concurrent streams; try again",
			header: http.Header{"Retry-After": {"5"}},
		}
	}
	s := stream{h: h, w: w, r: r, control: http.NewResponseController(w), at: parsePlace(r.Header.Get("Last-Event-ID"))}
	if err := s.send(); err != nil { // before the header is sent, an error can be a problem
		return cutShort(s.begun, err)
	}
	if r.Method == http.MethodHead { // has no body; the connection is free for the next request
		return nil
	}
	end := time.After(streamTime)
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return nil
		case <-h.drained:
			return nil
		case <-end:
			return nil
		}
		if err := s.send(); err != nil {
			return cutShort(true, err)
		}
	}
}

// stream is one answer of events.
type stream struct {
	h       *Handler
	w       http.ResponseWriter
	r       *http.Request
	control *http.ResponseController
	at      place
	spoke   time.Time
	begun   bool // the header is sent
}

// send sends what has changed, or a comment after a silence of heartbeat.
func (s *stream) send() error {
	changes, at, whole, err := s.h.watch.catchUp(s.r.Context(), s.at)
	if err != nil {
		return err
	}
	var b strings.Builder
	if s.spoke.IsZero() {
		s.w.Header().Set("Content-Type", "text/event-stream")
		s.w.Header().Set("X-Accel-Buffering", "no") // for proxies that buffer
		if err := s.control.Flush(); errors.Is(err, http.ErrNotSupported) {
			return problem{
				status: http.StatusNotImplemented, code: CodeUnsupported, cause: err,
				detail: "this server cannot send a stream: its http.ResponseWriter cannot flush",
			}
		}
		s.begun = true
		b.WriteString("retry: 2000\n\n")
	}
	if !whole {
		fmt.Fprintf(&b, "id: %s\nevent: reset\ndata: {}\n\n", at)
	}
	for _, c := range changes {
		if err := s.write(&b, place{at.epoch, c.number}, &c); err != nil {
			return err
		}
	}
	s.at = at
	if b.Len() == 0 && time.Since(s.spoke) < heartbeat {
		return nil
	}
	if b.Len() == 0 {
		b.WriteString(": heartbeat\n\n")
	}
	s.spoke = time.Now()
	if _, err := s.w.Write([]byte(b.String())); err != nil {
		return err
	}
	return s.control.Flush()
}

func (s *stream) write(b *strings.Builder, at place, c *change) error {
	name, data := "batch", any(s.h.newBatch(s.r, &c.batch))
	if c.gone {
		name, data = "deleted", deletedBatchJSON{BatchID: c.batch.ID}
	}
	text, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("httpapi: encode event: %w", err)
	}
	fmt.Fprintf(b, "id: %s\nevent: %s\ndata: %s\n\n", at, name, text)
	return nil
}
