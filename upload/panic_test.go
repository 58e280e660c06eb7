package upload_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/memstore"
	"github.com/eventmetrics/eventmetrics/upload"
)

// panicking is a store with a method that panics.
type panicking struct {
	*memstore.Store
	method string
}

func (s panicking) Begin(ctx context.Context, id string) (store.Writer, error) {
	w, err := s.Store.Begin(ctx, id)
	return panickingWriter{w, s.method}, err
}

func (s panicking) Claim(ctx context.Context, id string, fps []store.Fingerprint) ([]string, error) {
	if s.method == "Claim" {
		panic(s.method)
	}
	return s.Store.Claim(ctx, id, fps)
}

type panickingWriter struct {
	store.Writer
	method string
}

func (w panickingWriter) Write(ctx context.Context, events []metrics.Event) error {
	if w.method == "Write" {
		panic(w.method)
	}
	return w.Writer.Write(ctx, events)
}

func (w panickingWriter) Attach(ctx context.Context, name string, chunk []byte) error {
	if w.method == "Attach" {
		panic(w.method)
	}
	return w.Writer.Attach(ctx, name, chunk)
}

func (w panickingWriter) Commit(ctx context.Context, b store.Batch, pending metrics.Contribution) (store.Batch, error) {
	if w.method == "Commit" {
		panic(w.method)
	}
	return w.Writer.Commit(ctx, b, pending)
}

const header = "candidate_id,test_id,event_type,timestamp\n"

// endless yields rows forever, and counts them without a lock, so that the race
// detector sees a Read after Upload is over.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	if e.read++; e.read == 1 {
		return copy(p, header+"C1,T1,a,never\n"), nil
	}
	return copy(p, many), nil
}

var many = strings.Repeat("C1,T1,a,2025-11-08\nC1,T1,a,never\n", 1000)

func TestAPanicOfTheStoreLeavesNoGoroutineAndNoReadOfTheBody(t *testing.T) {
	for _, method := range []string{"Write", "Claim", "Attach", "Commit"} {
		t.Run(method, func(t *testing.T) {
			defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
			st := panicking{memstore.New(), method}
			u := upload.New(st, nil)
			body := &endless{}
			file := upload.File{Body: body, IdempotencyKey: "k"}
			if method == "Claim" {
				file.Dedupe = upload.DedupeOccurrence
			}
			if method == "Commit" { // which an endless file never reaches
				file.Body = strings.NewReader(header + "C1,T1,a,2025-11-08\n")
			}
			for range 2 { // the key is not kept locked
				func() {
					defer func() {
						if r := recover(); r != method {
							t.Errorf("recovered %v, want %v", r, method)
						}
					}()
					_, err := u.Upload(t.Context(), file)
					t.Errorf("Upload returned %v", err)
				}()
				body.read = 0
				if method == "Commit" {
					file.Body = strings.NewReader(header + "C1,T1,a,2025-11-08\n")
				}
			}
			if p, err := st.Prune(t.Context(), store.PruneQuery{Before: time.Now().Add(time.Hour), DryRun: true}); err != nil || p.Unfinished != 0 {
				t.Errorf("%+v is left, %v", p, err)
			}
		})
	}
}

// late ends only after a context has.
type late struct {
	ctx  context.Context //nolint:containedctx // a Read has no other
	text string
}

func (l *late) Read(p []byte) (int, error) {
	<-l.ctx.Done()
	if l.text == "" {
		return 0, io.EOF
	}
	n := copy(p, l.text)
	l.text = l.text[n:]
	return n, nil
}

func TestABodyThatEndsAfterTheContextIsNoEndOfTheFile(t *testing.T) {
	for name, text := range map[string]string{"nothing": "", "a header": header, "a file": header + "C1,T1,a,2025-11-08\n"} {
		t.Run(name, func(t *testing.T) {
			defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
			ctx, cancel := context.WithCancel(t.Context())
			body := &late{ctx, text}
			time.AfterFunc(10*time.Millisecond, cancel)
			u := upload.New(memstore.New(), nil)
			if _, err := u.Upload(ctx, upload.File{Body: body}); !errors.Is(err, context.Canceled) {
				t.Errorf("Upload: %v, want that of ctx", err)
			}
			body.text = text
			if _, err := u.DryRun(ctx, upload.File{Body: body}); !errors.Is(err, context.Canceled) {
				t.Errorf("DryRun: %v, want that of ctx", err)
			}
		})
	}
}
