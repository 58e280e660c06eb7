package history_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/eventmetrics/eventmetrics/internal/test/syncbuf"
)

// patience bounds everything that a server must come to by itself.
const patience = 90 * time.Second

// errUnanswered means that patience has ended.
var errUnanswered = errors.New("no answer for good")

// server is a running child.
type server struct {
	cmd   *exec.Cmd
	stdin io.Closer
	url   string
	log   syncbuf.Buffer
	ended chan struct{}
}

// start starts a child under the order and waits until it listens.
func (o *order) start(ctx context.Context) (*server, error) {
	text, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	s := &server{cmd: exec.CommandContext(ctx, os.Args[0]), ended: make(chan struct{})}
	s.cmd.Env = append(os.Environ(), orderVariable+"="+string(text))
	s.cmd.Stderr = &s.log
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if s.stdin, err = s.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(out)
	lines.Scan()
	s.url = lines.Text()
	go func() {
		defer close(s.ended)
		_, _ = io.Copy(io.Discard, out)
		_ = s.cmd.Wait() // how it ended is known to who ended it
	}()
	if s.url == "" {
		<-s.ended
		return s, fmt.Errorf("a server does not start: %s", s.log.String())
	}
	return s, nil
}

// kill is kill -9.
func (s *server) kill() {
	_ = s.cmd.Process.Kill()
	<-s.ended
	_ = s.stdin.Close()
}

// end lets the child finish what it does.
func (s *server) end() error {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	<-s.ended
	_ = s.stdin.Close()
	status, ok := s.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if s.cmd.ProcessState.Success() || ok && status.Signal() == syscall.SIGKILL {
		return nil
	}
	return fmt.Errorf("a server ended with %s: %s", s.cmd.ProcessState, s.log.String())
}

// request is a request that may be sent more than once.
type request struct {
	method, path string
	headers      http.Header
	body         []byte
}

// answer is the answer to a request.
type answer struct {
	status int
	header http.Header
	body   []byte
	// again means that an earlier try was not answered: it may have been carried
	// out.
	again bool
}

func (a *answer) String() string {
	const most = 4000
	return fmt.Sprintf("%d %s", a.status, a.body[:min(len(a.body), most)])
}

// into decodes the body.
func (a *answer) into(v any) error {
	if err := json.Unmarshal(a.body, v); err != nil {
		return fmt.Errorf("%s: %w", a, err)
	}
	return nil
}

// code returns the code of a problem, or "".
func (a *answer) code() string {
	var problem struct {
		Code string `json:"code"`
	}
	if strings.HasPrefix(a.header.Get("Content-Type"), "application/problem+json") {
		_ = json.Unmarshal(a.body, &problem)
	}
	return problem.Code
}

// send sends a request once.
func (s *server) send(ctx context.Context, r *request) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, r.method, s.url+r.path, bytes.NewReader(r.body))
	if err != nil {
		return nil, err
	}
	maps.Copy(req.Header, r.headers)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	return &answer{status: res.StatusCode, header: res.Header, body: body}, nil
}

// ask sends a request until it is answered for good, as a client does. It
// starts the server again if it was killed.
func (h *history) ask(r *request) (*answer, error) {
	again := false
	for deadline := time.Now().Add(patience); ; {
		a, err := h.server.send(h.ctx, r)
		if h.ctx.Err() != nil {
			return nil, h.ctx.Err()
		}
		switch {
		case err != nil:
			if err := h.revive(err); err != nil {
				return nil, err
			}
			again = true
			if a, err := h.lookFirst(); a != nil || err != nil {
				return a, err
			}
		case a.code() == "in_flight": // of an upload whose server was killed, for some heartbeats
			time.Sleep(20 * time.Millisecond)
		case h.full && a.status >= 500:
			again = true
			if err := h.refused(r, a); err != nil {
				return nil, err
			}
		case a.code() == "busy":
			again = true
			time.Sleep(20 * time.Millisecond)
		default:
			a.again = again
			return a, nil
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("%s %s has no answer after %s: %v: %w", r.method, r.path, patience, a, errors.Join(err, errUnanswered))
		}
	}
}

// lookFirst looks for the effect of a request that must not be repeated.
func (h *history) lookFirst() (*answer, error) {
	look := h.once
	if look == nil {
		return nil, nil //nolint:nilnil // no answer means that the request is to be repeated
	}
	h.once = nil
	defer func() { h.once = look }()
	return look()
}

// revive starts the server again after a request has failed because it is dead.
func (h *history) revive(cause error) error {
	select {
	case <-h.server.ended:
	case <-time.After(patience):
		return fmt.Errorf("a server that lives does not answer: %w", cause)
	}
	_ = h.server.stdin.Close()
	if status, ok := h.server.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signal() == syscall.SIGKILL {
		h.note("killed, and started again")
		return h.startServer()
	}
	return fmt.Errorf("a server died: %s: %s", h.server.cmd.ProcessState, h.server.log.String())
}

func (h *history) startServer() (err error) {
	h.held = false
	if h.server != nil {
		h.kills++
	}
	h.server, err = h.order.start(h.ctx)
	if err == nil || !h.full {
		return err
	}
	h.note("%s", err)
	if err := h.makeRoom(); err != nil {
		return err
	}
	return h.startServer()
}

// get asks for what must be there, and decodes it.
func (h *history) get(path string, into any) error {
	a, err := h.ask(&request{method: http.MethodGet, path: path})
	if err != nil {
		return err
	}
	if a.status != http.StatusOK {
		return fmt.Errorf("GET %s: %s", path, a)
	}
	return a.into(into)
}

// set changes a setting of the child.
func (h *history) set(s *settings) error {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	a, err := h.ask(&request{method: http.MethodPost, path: "/-/set", body: text})
	if err == nil && a.status != http.StatusOK {
		err = errors.New(a.String())
	}
	return err
}
