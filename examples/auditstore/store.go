// Package auditstore is an example of a store that wraps another one. It writes
// an audit line for every change that a user or retention makes: who did what to
// which batch, and whether it succeeded.
//
// Wrap the store before you create the Service, and name the user in the context
// of each request:
//
//	st := auditstore.New(inner, slog.New(slog.NewJSONHandler(file, nil)))
//	service := eventmetrics.New(st, q, nil)
//	...
//	next.ServeHTTP(w, r.WithContext(auditstore.WithUser(r.Context(), name)))
package auditstore

import (
	"context"
	"log/slog"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

// Store passes every call on to the store that it wraps, and logs changes. A
// line is written after the change: if the process is lost in between, there is
// a change without a line. If that is not acceptable, write a line before the
// change too.
type Store struct {
	// An embedded Store provides all methods that are not overridden here. A
	// method that is added to store.Store later is passed on as well.
	store.Store
	log *slog.Logger
}

// New returns a store that wraps st and writes audit lines to log. Closing st
// remains the task of the caller.
//
// The result is a store.Retainer if and only if st is one. A wrapper must not
// have an optional interface that fails: callers detect a feature by its
// interface, before they use it.
func New(st store.Store, log *slog.Logger) store.Store {
	s := &Store{Store: st, log: log}
	if r, ok := store.As[store.Retainer](st); ok {
		return &retainer{Store: s, Retainer: r}
	}
	return s
}

// Unwrap returns the wrapped store. store.As finds the optional interfaces that
// this package does not override there: Auditor, Explainer and Deduper.
func (s *Store) Unwrap() store.Store { return s.Store }

// Begin implements store.Store. A batch exists from Commit on, so that is what
// the Writer logs.
func (s *Store) Begin(ctx context.Context, id string) (store.Writer, error) {
	w, err := s.Store.Begin(ctx, id)
	if err != nil {
		return nil, err // return the errors of the wrapped store unchanged
	}
	return &writer{Writer: w, store: s, id: id}, nil
}

// DeleteBatch implements store.Store.
func (s *Store) DeleteBatch(ctx context.Context, id string) error {
	err := s.Store.DeleteBatch(ctx, id)
	s.audit(ctx, "delete", err, "batch", id)
	return err
}

// Prune implements store.Store.
func (s *Store) Prune(ctx context.Context, q store.PruneQuery) (store.Pruned, error) {
	pruned, err := s.Store.Prune(ctx, q)
	if err != nil || pruned != (store.Pruned{}) && !q.DryRun {
		s.audit(ctx, "prune", err, "pruned", pruned)
	}
	return pruned, err
}

// writer logs the commit of a batch.
type writer struct {
	store.Writer
	store *Store
	id    string
}

// Commit implements store.Writer.
func (w *writer) Commit(ctx context.Context, b store.Batch, pending metrics.Contribution) (store.Batch, error) {
	stored, err := w.Writer.Commit(ctx, b, pending)
	w.store.audit(ctx, "upload", err, "batch", w.id, "file", b.FileName, "accepted_rows", stored.AcceptedRows)
	return stored, err
}

// retainer is a Store whose wrapped store is a store.Retainer. If it were
// missing, store.As would find the Retainer of the wrapped store, and its
// changes would have no audit lines.
type retainer struct {
	*Store
	store.Retainer
}

// PurgeEvents implements store.Retainer.
func (r *retainer) PurgeEvents(ctx context.Context, id string) error {
	err := r.Retainer.PurgeEvents(ctx, id)
	r.audit(ctx, "purge", err, "batch", id)
	return err
}

// Archive implements store.Retainer.
func (r *retainer) Archive(ctx context.Context, id string) error {
	err := r.Retainer.Archive(ctx, id)
	r.audit(ctx, "archive", err, "batch", id)
	return err
}

// Erase implements store.Retainer. The line must not contain e.Value: it names
// the person whose data is erased.
func (r *retainer) Erase(ctx context.Context, id string, e store.Erasure) (int64, error) {
	n, err := r.Retainer.Erase(ctx, id, e)
	r.audit(ctx, "erase", err, "batch", id, "erasure", e.ID, "events", n)
	return n, err
}

// userKey is the key of the user's name in a context.
type userKey struct{}

// WithUser returns a context that names the user whose request it is. The
// Service passes the values of a context on to the store.
func WithUser(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, userKey{}, name)
}

// audit writes a line. Scheduled work has no user.
func (s *Store) audit(ctx context.Context, action string, err error, args ...any) {
	user, ok := ctx.Value(userKey{}).(string)
	if !ok {
		user = "system"
	}
	args = append([]any{"action", action, "user", user}, args...)
	if err != nil {
		args = append(args, "err", err)
	}
	s.log.InfoContext(ctx, "audit", args...)
}
