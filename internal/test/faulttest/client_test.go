package faulttest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/eventmetrics/eventmetrics/internal/test/eventgen"
)

// deadline is when a request must have been answered, whatever fails: two
// times the patience of the store and one command more for what it was about,
// the same to clean up after it, and time for a busy machine.
const deadline = 30 * time.Second

// file is a generated file and its recount, made without the library. It has
// an event type of its own and one that all files share.
type file struct {
	key     string
	content []byte
	oracle  *eventgen.Oracle
}

func newFile(number uint64, rows int64) *file {
	var b bytes.Buffer
	key := fmt.Sprintf("file-%d", number)
	oracle, err := eventgen.Write(&b, &eventgen.Options{Seed: number, Rows: rows, Types: []string{"shared", key}, Broken: 0.01})
	if err != nil {
		panic(err) // memory takes every write
	}
	return &file{key: key, content: b.Bytes(), oracle: oracle}
}

// answer is a response with its body read.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// text returns a member of the body, or nothing.
func (a *answer) text(name string) string {
	var body map[string]any
	_ = json.Unmarshal(a.body, &body) // an answer without has no such member
	v, _ := body[name].(string)
	return v
}

// do sends a request and checks that the answer is one that a server may give
// while a backend is unavailable. A request that is answered too late, or not at all,
// fails the test, unless ctx has ended before.
func (s *system) do(ctx context.Context, method, path, key string, body io.Reader) (answer, bool) {
	bound, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	req, err := http.NewRequestWithContext(bound, method, s.url+path, body)
	if err != nil {
		s.t.Error(err)
		return answer{}, false
	}
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
		req.Header.Set("Content-Type", "text/csv")
	}
	begin := time.Now()
	a, err := send(req)
	if err != nil {
		if ctx.Err() == nil {
			s.t.Errorf("%s %s: no answer after %v: %v", method, path, time.Since(begin), err)
		}
		return answer{}, false
	}
	s.check(method+" "+path, &a)
	return a, true
}

func send(req *http.Request) (answer, error) {
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, text}, err
}

// check checks that an answer is allowed during an outage.
func (s *system) check(what string, a *answer) {
	switch a.status {
	case http.StatusOK, http.StatusCreated:
	case http.StatusConflict: // an earlier try is still being worked on
	case http.StatusServiceUnavailable:
		if a.header.Get("Retry-After") == "" || a.header.Get("Content-Type") != "application/problem+json" {
			s.t.Errorf("%s: 503 with the header %v: %s; want a problem with Retry-After", what, a.header, a.body)
		}
	default:
		if a.text("detail") == "Batch already processed or invalid status" || a.text("message") == "No metrics found" {
			return
		}
		s.t.Errorf("%s: %d: %s", what, a.status, a.body)
	}
}

// upload sends a file once and returns the id of its batch if it was accepted.
// It counts once because of its key alone: the content of an upload that could
// not be aborted is in flight for minutes.
func (s *system) upload(ctx context.Context, f *file, body io.Reader) (string, bool) {
	a, ok := s.do(ctx, "POST", "/uploads?on_duplicate=allow", f.key, body)
	if !ok || a.status != http.StatusCreated {
		return "", false
	}
	return a.text("batch_id"), true
}

// accept sends a file until it is accepted.
func (s *system) accept(f *file) (id string) {
	s.until(f.key+" is accepted", func() (ok bool) {
		id, ok = s.upload(s.t.Context(), f, bytes.NewReader(f.content))
		return ok
	})
	return id
}

// process asks for a batch until it is queued or further.
func (s *system) process(id string) {
	s.until("batch "+id+" is queued", func() bool {
		a, ok := s.do(s.t.Context(), "POST", "/batches/"+id+"/process", "", nil)
		return ok && a.status != http.StatusServiceUnavailable
	})
}

// until repeats what clients do until they have what they want.
func (s *system) until(what string, ok func() bool) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for limit := time.After(60 * time.Second); !ok(); {
		select {
		case <-limit:
			s.t.Errorf("after 60 s still waiting until %s", what)
			return
		case <-tick.C:
		}
		if s.t.Context().Err() != nil {
			return
		}
	}
}
