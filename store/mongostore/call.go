package mongostore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/topology"

	"github.com/eventmetrics/eventmetrics/store"
)

const (
	// callTimeout bounds one command, so that a connection that has gone
	// silent does not hold a method.
	callTimeout = 10 * time.Second
	// firstPause is the pause before the first resend; it doubles.
	firstPause = 50 * time.Millisecond
	maxPause   = time.Second
)

// do calls f, which must be safe to repeat, until it succeeds, or fails for
// good, or RetryFor or ctx has ended. Errors: store.ErrUnavailable.
func (s *Store) do(ctx context.Context, f func(context.Context) error) error {
	wait := firstPause
	for start := time.Now(); ; {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := bounded(ctx, min(callTimeout, s.opts.RetryFor), f)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		case !transient(err):
			return err
		case time.Since(start) > s.opts.RetryFor:
			return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		case <-time.After(wait/2 + rand.N(wait)):
		}
		wait = min(2*wait, maxPause)
	}
}

// pause waits, but not longer than ctx.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

func bounded(ctx context.Context, limit time.Duration, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return f(ctx)
}

// transient reports whether the same command may succeed in a while: nobody
// answered, or one that is no primary, or is about to shut down.
func transient(err error) bool {
	if mongo.IsNetworkError(err) || mongo.IsTimeout(err) || errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	if _, ok := errors.AsType[topology.ServerSelectionError](err); ok {
		return true
	}
	if _, ok := errors.AsType[topology.ConnectionError](err); ok {
		return true
	}
	// A command that waited for a connection while another's failure ended all
	// that there were.
	if cleared, ok := errors.AsType[retryable](err); ok && cleared.Retryable() {
		return true
	}
	var server mongo.ServerError
	if !errors.As(err, &server) {
		return false
	}
	if server.HasErrorLabel("RetryableWriteError") || server.HasErrorLabel("SystemOverloadedError") {
		return true
	}
	// Those of a lost host, of one that shuts down or is no primary, and of a
	// write that did not reach the majority in time.
	codes := []int{6, 7, 64, 89, 91, 112, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436}
	return slices.ContainsFunc(codes, server.HasErrorCode)
}

// retryable is what the driver's error about its cleared pool of connections
// has for an exported name.
type retryable interface {
	error
	Retryable() bool
}

// wrap says what was being done, and keeps a nil error nil.
func wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("mongostore: "+format+": %w", append(args, err)...)
}

// eq is the filter of documents whose members have these values.
func eq(pairs ...any) bson.D {
	d := make(bson.D, 0, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		d = append(d, bson.E{Key: pairs[i].(string), Value: pairs[i+1]})
	}
	return d
}

// find reads the document that a filter selects into v. Errors:
// mongo.ErrNoDocuments.
func (s *Store) find(ctx context.Context, c *mongo.Collection, filter, v any) error {
	return s.do(ctx, func(ctx context.Context) error { return c.FindOne(ctx, filter).Decode(v) })
}

// findAll reads all documents that a filter selects. They should be few: the
// caller sets a limit, or knows why.
func findAll[T any](ctx context.Context, s *Store, c *mongo.Collection, filter any, opts *options.FindOptionsBuilder) ([]T, error) {
	var docs []T
	err := s.do(ctx, func(ctx context.Context) error {
		cursor, err := c.Find(ctx, filter, opts)
		if err != nil {
			return err
		}
		docs = nil
		return cursor.All(ctx, &docs)
	})
	return docs, err
}

// insert adds a document unless its key is there already, and says whether it
// is the one added. A document that an earlier try has added counts as not
// added; who must know compares it.
func (s *Store) insert(ctx context.Context, c *mongo.Collection, doc any) (bool, error) {
	added := false
	err := s.do(ctx, func(ctx context.Context) error {
		_, err := c.InsertOne(ctx, doc)
		if mongo.IsDuplicateKeyError(err) {
			return nil
		}
		added = err == nil
		return err
	})
	return added, err
}

// update changes the document that a filter selects, if there is one, and
// says whether there was. Where a resend may find that an earlier try has
// changed what the filter names, it says that there was none.
func (s *Store) update(ctx context.Context, c *mongo.Collection, filter, change any) (bool, error) {
	matched := false
	err := s.do(ctx, func(ctx context.Context) error {
		r, err := c.UpdateOne(ctx, filter, change)
		matched = err == nil && r.MatchedCount > 0
		return err
	})
	return matched, err
}

// remove deletes all documents that a filter selects.
func (s *Store) remove(ctx context.Context, c *mongo.Collection, filter any) error {
	return s.do(ctx, func(ctx context.Context) error {
		_, err := c.DeleteMany(ctx, filter)
		return err
	})
}
