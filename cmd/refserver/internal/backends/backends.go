// Package backends opens the store, the queue and the rate limiter that a
// configuration selects: SQLite files and memory for one process, MongoDB and
// Redis for several.
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

	"github.com/eventmetrics/eventmetrics/internal/driver/redisdial"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/queue/redisqueue"
	"github.com/eventmetrics/eventmetrics/queue/riverqueue"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/mongostore"
	"github.com/eventmetrics/eventmetrics/store/sqlitestore"
)

// Options select the backends. Only Logger may be left out.
type Options struct {
	// MongoURI names the MongoDB database of the store. Empty means a SQLite
	// file in DataDir.
	MongoURI string
	// MongoRetry is mongostore.Options.RetryFor.
	MongoRetry time.Duration
	// MongoEvents is mongostore.Options.Events.
	MongoEvents mongostore.EventsLayout
	// RedisURL names the Redis server or cluster of the queue and the limiter; one
	// node of a cluster is enough. Empty means a SQLite file in DataDir, and memory.
	RedisURL string
	// DataDir is the directory of the SQLite files. If there are any, Open
	// creates it and locks it for this process.
	DataDir string
	// Workers is the number of jobs that run concurrently.
	Workers int
	// DrainTimeout is how long running jobs may go on after the queue's Consume
	// is told to stop; 0 means that they are interrupted at once.
	DrainTimeout time.Duration
	// Logger receives the log of the backends; nil discards it.
	Logger *slog.Logger
}

// Embedded reports whether anything is kept in DataDir.
func (o *Options) Embedded() bool { return o.MongoURI == "" || o.RedisURL == "" }

// Backends are an open store and queue. The caller must Close them.
type Backends struct {
	Store store.Store
	Queue queue.Queue

	opts    Options
	id      string // of the deployment
	closers []io.Closer
}

// Open opens a store and a queue. It does not wait for an unavailable MongoDB
// or Redis: it returns their ErrUnavailable within seconds.
func Open(ctx context.Context, o *Options) (_ *Backends, err error) {
	b := &Backends{opts: *o}
	b.opts.Logger = cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
	defer func() {
		if err != nil {
			err = errors.Join(err, b.Close())
		}
	}()
	if o.Embedded() {
		if err := b.takeDir(); err != nil {
			return nil, err
		}
	}
	if o.MongoURI == "" && o.RedisURL == "" {
		if err := CheckPair(ctx, o.DataDir); err != nil {
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

// OpenStore opens only a store, without a queue. In DataDir, no server may be
// running.
func OpenStore(ctx context.Context, o *Options) (_ *Backends, err error) {
	b := &Backends{opts: *o}
	b.opts.Logger = cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
	if o.MongoURI == "" {
		err = b.takeDir()
	}
	if err == nil {
		err = b.openStore(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

func name(address, embedded, remote string) string {
	if address == "" {
		return embedded
	}
	return remote
}

// takeDir creates DataDir and locks it.
func (b *Backends) takeDir() error {
	if err := os.MkdirAll(b.opts.DataDir, 0o700); err != nil {
		return fmt.Errorf("create DATA_DIR: %w", err)
	}
	lock, err := Lock(b.opts.DataDir)
	if err != nil {
		return err
	}
	b.closers = append(b.closers, lock)
	return holdBallast(b.opts.DataDir)
}

// privateFile returns the path of a file in DataDir. If there is none, it creates
// one that only this user can read: the directory may be open to others. SQLite
// gives the files beside it the same mode.
func (b *Backends) privateFile(name string) (string, error) {
	path := filepath.Join(b.opts.DataDir, name)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", err
	}
	return path, f.Close()
}

func (b *Backends) openStore(ctx context.Context) error {
	if b.opts.MongoURI == "" {
		path, err := b.privateFile(StoreFile)
		if err != nil {
			return err
		}
		s, err := sqlitestore.Open(ctx, path, &sqlitestore.Options{Logger: b.opts.Logger})
		if err != nil {
			return err
		}
		b.Store, b.closers = s, append(b.closers, s)
		b.id, err = s.ID(ctx)
		return err
	}
	s, err := mongostore.Open(ctx, b.opts.MongoURI, &mongostore.Options{RetryFor: b.opts.MongoRetry, Events: b.opts.MongoEvents, Logger: b.opts.Logger})
	if err != nil {
		return named("MONGO_URI", err)
	}
	b.Store, b.closers = s, append(b.closers, s)
	if b.id, err = s.ID(ctx); err != nil {
		return named("MONGO_URI", err)
	}
	return nil
}

func (b *Backends) openQueue(ctx context.Context) error {
	drain := cmp.Or(b.opts.DrainTimeout, -1) // 0 would mean the default of the queue
	if b.opts.RedisURL == "" {
		path, err := b.privateFile(QueueFile)
		if err != nil {
			return err
		}
		q, err := riverqueue.Open(ctx, path, &riverqueue.Options{
			Workers: b.opts.Workers, DrainTimeout: drain, Logger: b.opts.Logger,
		})
		if err != nil {
			return err
		}
		b.Queue, b.closers = q, append(b.closers, q)
		return nil
	}
	// The client has its own log on standard error. The errors that redisqueue
	// returns say the same.
	logging.Disable()
	q, err := redisqueue.Open(ctx, b.opts.RedisURL, &redisqueue.Options{
		Owner: b.id, Workers: b.opts.Workers, DrainTimeout: drain, Logger: b.opts.Logger,
	})
	if err != nil {
		return named("REDIS_URL", err)
	}
	b.Queue, b.closers = q, append(b.closers, q)
	return b.findCluster(ctx)
}

// findCluster makes RedisURL that of a cluster if it names one node of it. The queue
// has found the same, and has warned of it.
func (b *Backends) findCluster(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	b.opts.RedisURL, _, err = redisdial.Cluster(ctx, b.opts.RedisURL)
	return err
}

// named adds the setting that an error is about.
func named(setting string, err error) error { return fmt.Errorf("%s: %w", setting, err) }

// Close closes everything that was opened, last first.
func (b *Backends) Close() error {
	var errs []error
	for len(b.closers) > 0 {
		last := len(b.closers) - 1
		errs = append(errs, b.closers[last].Close())
		b.closers = b.closers[:last]
	}
	return errors.Join(errs...)
}
