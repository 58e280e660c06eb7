// Package site opens the store and the queue of a test wherever their data
// are: in files, or on servers. It tells the test of each change before it is
// made, so that the test can kill the process there.
package site

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/store"
)

// Site is where the data are.
type Site struct {
	// Dir is a directory of files.
	Dir string
	// Mongo is the URI of the database that has the events in place of a file.
	Mongo string
	// Blocks stores the events of new batches in that database in blocks.
	Blocks bool
	// Redis is the URL of the server that has the jobs in place of a file, in
	// a queue of the name Jobs.
	Redis, Jobs string
}

// Options say how a site is opened. The zero value means the defaults.
type Options struct {
	// Step is called before each statement or command that can leave a trace,
	// with a text that describes it.
	Step func(string)
	// Now is the clock of the store; nil means time.Now.
	Now func() time.Time
	// Heartbeat is that of the store; 0 means its default.
	Heartbeat time.Duration
	// Retry is how often a job is tried.
	Retry queue.Retry
}

// Store is what every store of this project can do.
type Store interface {
	store.Store
	store.Auditor
}

// Backends are an open store and queue.
type Backends struct {
	Store Store
	Queue queue.Queue
	// Database is that of the store, nil for a file.
	Database *mongo.Database

	step    func(string)
	closers []func() error
}

// Open opens what is in the site. The caller must Close it.
func Open(ctx context.Context, s *Site, o *Options) (_ *Backends, err error) {
	b := &Backends{step: o.Step}
	if b.step == nil {
		b.step = func(string) {}
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.Close())
		}
	}()
	if s.Mongo == "" {
		err = b.openFile(ctx, filepath.Join(s.Dir, "events.db"), o)
	} else {
		err = b.openMongo(ctx, s, o)
	}
	if err != nil {
		return nil, err
	}
	if s.Redis == "" {
		err = b.openQueueFile(ctx, filepath.Join(s.Dir, "queue.db"), o)
	} else {
		err = b.openRedis(ctx, s, o)
	}
	if err != nil {
		return nil, err
	}
	return b, nil
}

// Close closes in the opposite order of opening.
func (b *Backends) Close() error {
	var errs []error
	for _, c := range slices.Backward(b.closers) {
		errs = append(errs, c())
	}
	return errors.Join(errs...)
}
