// Package command sends commands to MongoDB and sends them again while the
// server is unavailable. Each command that it sends is safe to repeat.
package command

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
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
	// timeout bounds one command, so that a connection without any answer does
	// not block a method.
	timeout = 10 * time.Second
	// firstPause is the pause before the command is sent again; it doubles.
	firstPause = 50 * time.Millisecond
	maxPause   = time.Second
)

// A Runner runs commands in one database. It is safe for concurrent use.
type Runner struct {
	// DB is the database.
	DB *mongo.Database
	// RetryFor is how long a command is sent again while the database is
	// unavailable.
	RetryFor time.Duration
	// Log gets the progress of what takes long.
	Log *slog.Logger
}

// Do calls f until it succeeds, returns a permanent error, or RetryFor or ctx
// has ended. F must be safe to repeat. Errors: store.ErrFull;
// store.ErrUnavailable.
func (r *Runner) Do(ctx context.Context, f func(context.Context) error) error {
	return r.repeat(ctx, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, min(timeout, r.RetryFor))
		defer cancel()
		return f(ctx)
	})
}

func (r *Runner) repeat(ctx context.Context, f func(context.Context) error) error {
	wait := firstPause
	for start := time.Now(); ; {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := f(ctx)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		case isFull(err):
			return fmt.Errorf("%w: %w", store.ErrFull, err)
		case !isTransient(err):
			return err
		case time.Since(start) > r.RetryFor:
			return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
		}
		if Pause(ctx, wait/2+rand.N(wait)) != nil {
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		}
		wait = min(2*wait, maxPause)
	}
}

// Causal calls f with a context whose commands are causally consistent: none of
// them reads an older state of the database than one before it, also if another
// server answers. F must not send two commands at the same time.
func (r *Runner) Causal(ctx context.Context, f func(context.Context) error) error {
	session, err := r.DB.Client().StartSession()
	if err != nil {
		return err
	}
	defer session.EndSession(context.WithoutCancel(ctx))
	return f(mongo.NewSessionContext(ctx, session))
}

// Pause waits for d or until ctx ends, and returns the error of ctx then.
func Pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// isFull reports whether the server has no disk space left, or the database has
// reached its quota.
func isFull(err error) bool {
	var server mongo.ServerError
	if !errors.As(err, &server) {
		return false
	}
	const outOfDiskSpace, quotaExceeded = 14031, 12501
	if server.HasErrorCode(outOfDiskSpace) || server.HasErrorCode(quotaExceeded) {
		return true
	}
	words := []string{"No space left on device", "you are over your space quota", "could not extend file", "database or disk is full"}
	return slices.ContainsFunc(words, server.HasErrorMessage)
}

// isTransient reports whether the same command may succeed later: there was no
// answer, or the server is no primary, or is about to shut down.
func isTransient(err error) bool {
	if mongo.IsNetworkError(err) || mongo.IsTimeout(err) || errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	if _, ok := errors.AsType[topology.ServerSelectionError](err); ok {
		return true
	}
	if _, ok := errors.AsType[topology.ConnectionError](err); ok {
		return true
	}
	// The command waited for a connection when the failure of another command
	// closed them all.
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
	// The host is lost, shuts down or is no primary, has no majority yet, or the
	// command or its write to the majority took too long.
	codes := []int{6, 7, 50, 64, 89, 91, 112, 133, 134, 189, 262, 9001, 10058, 10107, 11600, 11602, 13435, 13436}
	return slices.ContainsFunc(codes, server.HasErrorCode)
}

// retryable is the exported part of the driver's error about its cleared pool
// of connections.
type retryable interface {
	error
	Retryable() bool
}

// Eq returns a document of keys and their values. As a filter, it selects the
// documents whose members equal these values.
func Eq(pairs ...any) bson.D {
	d := make(bson.D, 0, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		d = append(d, bson.E{Key: pairs[i].(string), Value: pairs[i+1]})
	}
	return d
}

// Find reads the document that a filter selects into v. Errors:
// mongo.ErrNoDocuments.
func (r *Runner) Find(ctx context.Context, c *mongo.Collection, filter, v any) error {
	return r.Do(ctx, func(ctx context.Context) error { return c.FindOne(ctx, filter).Decode(v) })
}

// FindAll reads all documents that a filter selects into memory. The caller
// sets a limit where they may be many.
func FindAll[T any](ctx context.Context, r *Runner, c *mongo.Collection, filter any, opts *options.FindOptionsBuilder) ([]T, error) {
	var docs []T
	err := r.Do(ctx, func(ctx context.Context) error {
		cursor, err := c.Find(ctx, filter, opts)
		if err != nil {
			return err
		}
		docs = nil
		return cursor.All(ctx, &docs)
	})
	return docs, err
}

// Each calls use with each document that a filter selects. When the connection
// is lost, it starts again from the first document; use must expect that. The
// document is valid until use returns.
func (r *Runner) Each(ctx context.Context, c *mongo.Collection, filter any, opts *options.FindOptionsBuilder, use func(bson.Raw) error) error {
	return r.Do(ctx, func(ctx context.Context) error {
		cursor, err := c.Find(ctx, filter, opts)
		if err != nil {
			return err
		}
		defer cursor.Close(context.WithoutCancel(ctx)) //nolint:errcheck // cursor.Err has it
		for cursor.Next(ctx) {
			if err := use(cursor.Current); err != nil {
				return err
			}
		}
		return cursor.Err()
	})
}

// Count returns the number of documents that a filter selects.
func (r *Runner) Count(ctx context.Context, c *mongo.Collection, filter any, opts ...options.Lister[options.CountOptions]) (n int64, err error) {
	err = r.Do(ctx, func(ctx context.Context) error {
		n, err = c.CountDocuments(ctx, filter, opts...)
		return err
	})
	return n, err
}

// Insert adds a document unless its key is taken, and reports whether it has
// added it. It also reports false if an earlier try added the document but got
// no answer; a caller for whom that matters reads the document.
func (r *Runner) Insert(ctx context.Context, c *mongo.Collection, doc any) (bool, error) {
	added := false
	err := r.Do(ctx, func(ctx context.Context) error {
		_, err := c.InsertOne(ctx, doc)
		if mongo.IsDuplicateKeyError(err) && !lacksMajority(err) {
			return nil
		}
		added = err == nil
		return err
	})
	return added, err
}

// lacksMajority reports whether a write may be lost, whatever else was wrong.
func lacksMajority(err error) bool {
	failed, ok := errors.AsType[mongo.WriteException](err)
	return ok && failed.WriteConcernError != nil
}

// Update changes the document that a filter selects, and reports whether there
// was one. It also reports false if an earlier try made the change but got no
// answer, where the change makes the filter select nothing.
func (r *Runner) Update(ctx context.Context, c *mongo.Collection, filter, change any) (bool, error) {
	return matches(ctx, r, func(ctx context.Context) (*mongo.UpdateResult, error) { return c.UpdateOne(ctx, filter, change) })
}

// UpdateAll changes all documents that a filter selects.
func (r *Runner) UpdateAll(ctx context.Context, c *mongo.Collection, filter, change any) error {
	_, err := matches(ctx, r, func(ctx context.Context) (*mongo.UpdateResult, error) { return c.UpdateMany(ctx, filter, change) })
	return err
}

// Replace puts a document in the place of the one that a filter selects, and
// reports whether there was one, as Update does.
func (r *Runner) Replace(ctx context.Context, c *mongo.Collection, filter, doc any) (bool, error) {
	return matches(ctx, r, func(ctx context.Context) (*mongo.UpdateResult, error) { return c.ReplaceOne(ctx, filter, doc) })
}

func matches(ctx context.Context, r *Runner, update func(context.Context) (*mongo.UpdateResult, error)) (matched bool, err error) {
	err = r.Do(ctx, func(ctx context.Context) error {
		result, err := update(ctx)
		matched = err == nil && result.MatchedCount > 0
		return err
	})
	return matched, err
}

// removeTries is how often Remove looks again. A delete misses a document that
// moves, and none moves as often.
const removeTries = 100

// Remove deletes all documents that a filter selects. A delete may miss documents
// that move to another shard meanwhile, so it goes on until none is left. The
// caller splits what may take longer than a command. The hint may be nil.
func (r *Runner) Remove(ctx context.Context, c *mongo.Collection, filter, hint any) error {
	many, one := options.DeleteMany(), options.FindOne().SetProjection(Eq("_id", 1))
	if hint != nil {
		many.SetHint(hint)
		one.SetHint(hint)
	}
	for range removeTries {
		err := r.Do(ctx, func(ctx context.Context) error {
			_, err := c.DeleteMany(ctx, filter, many)
			return err
		})
		if err != nil {
			return err
		}
		err = r.Do(ctx, func(ctx context.Context) error { return c.FindOne(ctx, filter, one).Err() })
		if errors.Is(err, mongo.ErrNoDocuments) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return fmt.Errorf("documents of %s are left after %d deletes", c.Name(), removeTries)
}
