package httpapi

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"sync"
	"time"
)

// guardStep is how much an upload must send in its first StallTimeout of waiting,
// and guardSteps how often that doubles, once in each further StallTimeout. So a
// client of 70 kB/s gets through, and none holds a place for days.
const (
	guardStep  = 16 << 10
	guardSteps = 7
)

// guard bounds the size of a body and the time that it may stall. The deadline
// moves only when enough has arrived, so that a trickle of bytes ends like
// silence. Only the time in which the server waits for the client counts. The
// returned function sets a last deadline for the unread rest of the body.
func (h *Handler) guard(w http.ResponseWriter, r *http.Request) (*guarded, func()) {
	g := &guarded{
		r:       http.MaxBytesReader(w, r.Body, h.opts.MaxBodyBytes),
		control: http.NewResponseController(w),
		timeout: h.opts.StallTimeout,
		left:    h.opts.StallTimeout,
		due:     guardStep,
	}
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
	waited  time.Duration // for the client in all
	left    time.Duration // in which due bytes must come
	due     int
	ended   bool

	mu      sync.Mutex // held while the deadline is set
	stopped bool
	stalled bool
}

func (g *guarded) Read(p []byte) (int, error) {
	start := time.Now()
	if !g.wait(start.Add(g.left)) {
		return 0, errStopped
	}
	n, err := g.r.Read(p)
	waited := time.Since(start)
	g.waited += waited
	g.left -= waited
	if g.due -= n; g.due <= 0 {
		g.left, g.due = g.timeout, g.step()
	}
	switch {
	case errors.Is(err, io.EOF): // further bytes are not of this body
		g.end()
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = errStalled
		g.mu.Lock()
		g.stalled = true
		g.mu.Unlock()
	}
	return n, err
}

// wait sets the deadline of the next Read, unless there is to be none.
func (g *guarded) wait(until time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.stopped {
		_ = g.control.SetReadDeadline(until)
	}
	return !g.stopped
}

// end removes the deadline, since the body has ended.
func (g *guarded) end() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ended = true
	_ = g.control.SetReadDeadline(time.Time{})
}

// stop ends a Read that waits for the client. There can be no other afterwards.
func (g *guarded) stop() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.stopped = true
	if !g.ended {
		_ = g.control.SetReadDeadline(time.Unix(1, 0))
	}
}

// cause returns why an upload has ended with err. The server ends the context of a
// request that stalls, and what comes of that may be seen before the stall is.
func (g *guarded) cause(err error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.stalled && errors.Is(err, context.Canceled) {
		return errStalled
	}
	return err
}

// step returns how much must come in the next timeout.
func (g *guarded) step() int { return guardStep << min(g.waited/g.timeout, guardSteps) }

// errStalled means that a body did not arrive in time.
var errStalled = errors.New("httpapi: upload stalled")

// errStopped means that nothing reads a body any more.
var errStopped = errors.New("httpapi: the body is not read to its end")

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
