package httpapi

import (
	"errors"
	"io"
	"net/http"
	"os"
	"time"
)

// guardStep is how much an upload must send in each StallTimeout.
const guardStep = 16 << 10

// guard bounds the size of a body and the time that it may stall. The read
// deadline moves only when enough has arrived, so that a trickle of bytes ends
// like silence. The returned function sets a last deadline for the unread rest of
// the body.
func (h *Handler) guard(w http.ResponseWriter, r *http.Request) (io.Reader, func()) {
	g := &guarded{
		r:       http.MaxBytesReader(w, r.Body, h.opts.MaxBodyBytes),
		control: http.NewResponseController(w),
		timeout: h.opts.StallTimeout,
		due:     guardStep,
	}
	g.extend()
	// A server that cannot set deadlines has its own way to end requests.
	return g, func() {
		if !g.ended {
			_ = g.control.SetReadDeadline(time.Now().Add(h.bodyGrace()))
		}
	}
}

type guarded struct {
	r       io.Reader
	control *http.ResponseController
	timeout time.Duration
	due     int // bytes to go before the deadline moves
	ended   bool
}

func (g *guarded) extend() { _ = g.control.SetReadDeadline(time.Now().Add(g.timeout)) }

func (g *guarded) Read(p []byte) (int, error) {
	n, err := g.r.Read(p)
	if g.due -= n; g.due <= 0 {
		g.due = guardStep
		g.extend()
	}
	switch {
	case errors.Is(err, io.EOF): // further bytes are not of this body
		g.ended = true
		_ = g.control.SetReadDeadline(time.Time{})
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = errStalled
	}
	return n, err
}

// errStalled means that a body did not arrive in time.
var errStalled = errors.New("httpapi: upload stalled")

// bodyProblem says what is wrong with a body that could not be read, unless
// the error says so itself.
func bodyProblem(err error) error {
	if _, ok := errors.AsType[problem](err); ok || errors.Is(err, errStalled) {
		return err
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return err
	}
	p := badRequest("the body ended early or is corrupt; nothing of it was kept")
	p.cause = err
	return p
}
