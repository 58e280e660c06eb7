// Package backends opens the backends that a configuration asks for: SQLite
// files and memory in one process, MongoDB and Redis for several.
package backends

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/redis/go-redis/v9/logging"

	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/queue/redisqueue"
	"github.com/eventmetrics/eventmetrics/queue/riverqueue"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/mongostore"
	"github.com/eventmetrics/eventmetrics/store/sqlitestore"
)

// Options say which backends to open. Only Logger may be left out.
type Options struct {
	// MongoURI names the MongoDB database of the store. Empty means a SQLite
	// file in DataDir.
	MongoURI string
	// RedisURL names the Redis of the queue and of the limiter. Empty means a
	// SQLite file in DataDir, and memory.
	RedisURL string
	// DataDir is the directory of the SQLite files. It is made, and locked for
	// this process, when there are any.
	DataDir string
	// Workers is the number of jobs that the queue runs at once.
	Workers int
	// Drain is how long running jobs go on at the end; 0 means not at all.
	Drain time.Duration
	// Logger gets what the backends have to tell; nil discards it.
	Logger *slog.Logger
}

// Backends are what a server stands on. The caller must Close them.
type Backends struct {
	Store store.Store
	Queue queue.Queue

	opts    Options
	closers []io.Closer
}

// Open opens a store and a queue. It does not wait for a MongoDB or Redis that
// is away, but returns their ErrUnavailable soon.
func Open(ctx context.Context, o *Options) (_ *Backends, err error) {
	b := &Backends{opts: *o}
	b.opts.Logger = cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
	defer func() {
		if err != nil {
			err = errors.Join(err, b.Close())
		}
	}()
	if b.opts.MongoURI == "" || b.opts.RedisURL == "" {
		if err := b.takeDir(); err != nil {
			return nil, err
		}
	}
	if err := b.openStore(ctx); err != nil {
		return nil, err
	}
	if err := b.openQueue(ctx); err != nil {
		return nil, err
	}
	b.opts.Logger.InfoContext(ctx, "backends open", "store", name(o.MongoURI, "sqlite", "mongodb"), "queue", name(o.RedisURL, "sqlite", "redis"))
	return b, nil
}

func name(address, embedded, remote string) string {
	if address == "" {
		return embedded
	}
	return remote
}

func (b *Backends) takeDir() error {
	if err := os.MkdirAll(b.opts.DataDir, 0o700); err != nil {
		return fmt.Errorf("make DATA_DIR: %w", err)
	}
	lock, err := lockDir(b.opts.DataDir)
	if err != nil {
		return err
	}
	b.closers = append(b.closers, lock)
	return nil
}

func (b *Backends) openStore(ctx context.Context) error {
	if b.opts.MongoURI == "" {
		s, err := sqlitestore.Open(ctx, filepath.Join(b.opts.DataDir, "events.db"), &sqlitestore.Options{Logger: b.opts.Logger})
		if err != nil {
			return err
		}
		b.Store, b.closers = s, append(b.closers, s)
		return nil
	}
	s, err := mongostore.Open(ctx, b.opts.MongoURI, &mongostore.Options{Logger: b.opts.Logger})
	if err != nil {
		return named("MONGO_URI", err)
	}
	b.Store, b.closers = s, append(b.closers, s)
	return nil
}

func (b *Backends) openQueue(ctx context.Context) error {
	drain := cmp.Or(b.opts.Drain, -1) // 0 would mean the default of the queues
	if b.opts.RedisURL == "" {
		q, err := riverqueue.Open(ctx, filepath.Join(b.opts.DataDir, "queue.db"), &riverqueue.Options{
			Workers: b.opts.Workers, DrainTimeout: drain, Logger: b.opts.Logger,
		})
		if err != nil {
			return err
		}
		b.Queue, b.closers = q, append(b.closers, q)
		return nil
	}
	// The client writes to standard error in a form of its own; what matters of
	// it is in the errors of our packages.
	logging.Disable()
	q, err := redisqueue.Open(ctx, b.opts.RedisURL, &redisqueue.Options{
		Workers: b.opts.Workers, DrainTimeout: drain, Logger: b.opts.Logger,
	})
	if err != nil {
		return named("REDIS_URL", err)
	}
	b.Queue, b.closers = q, append(b.closers, q)
	return nil
}

// named says which setting an error is about.
func named(setting string, err error) error { return fmt.Errorf("%s: %w", setting, err) }

// Close closes what was opened, in the opposite order.
func (b *Backends) Close() error {
	var errs []error
	for len(b.closers) > 0 {
		last := len(b.closers) - 1
		errs = append(errs, b.closers[last].Close())
		b.closers = b.closers[:last]
	}
	return errors.Join(errs...)
}
