package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/httpapi"
	"github.com/eventmetrics/eventmetrics/queue/riverqueue"
	"github.com/eventmetrics/eventmetrics/ratelimit"
	"github.com/eventmetrics/eventmetrics/ratelimit/memorylimiter"
	"github.com/eventmetrics/eventmetrics/store/sqlitestore"
)

// app is the server with all its parts.
type app struct {
	config    *config
	logger    *slog.Logger
	generated bool // the token was made here
	lock      io.Closer
	store     *sqlitestore.Store
	queue     *riverqueue.Queue
	service   *eventmetrics.Service
	api       *httpapi.Handler
}

// open puts the parts together.
func open(ctx context.Context, c *config) (_ *app, err error) {
	a := &app{config: c, logger: c.newLogger()}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.close())
		}
	}()
	if c.token == "" {
		c.token, a.generated = rand.Text(), true
	}
	if err := os.MkdirAll(c.dataDir, 0o700); err != nil {
		return nil, fmt.Errorf("make DATA_DIR: %w", err)
	}
	if a.lock, err = lockDir(c.dataDir); err != nil {
		return nil, err
	}
	a.store, err = sqlitestore.Open(ctx, filepath.Join(c.dataDir, "events.db"), &sqlitestore.Options{Logger: a.logger})
	if err != nil {
		return nil, err
	}
	a.queue, err = riverqueue.Open(ctx, filepath.Join(c.dataDir, "queue.db"), &riverqueue.Options{
		Workers:      c.workers,
		DrainTimeout: cmp.Or(c.shutdown, -1), // 0 would mean its default
		Logger:       a.logger,
	})
	if err != nil {
		return nil, err
	}
	a.service = eventmetrics.New(a.store, a.queue, &eventmetrics.Options{
		MaxUploadBytes: c.maxUploadBytes,
		CleanupEvery:   c.cleanupEvery,
		CleanupTTL:     c.cleanupTTL,
		Logger:         a.logger,
	})
	limiter, err := c.limiter()
	if err != nil {
		return nil, err
	}
	a.api, err = httpapi.New(a.service, &httpapi.Options{
		Token:        c.token,
		Limiter:      limiter,
		Source:       ratelimit.NewSource(c.trusted),
		MaxUploads:   c.maxUploads,
		MaxBodyBytes: c.maxUploadBytes + 1<<20, // the file and its multipart frame
		Logger:       a.logger,
	})
	return a, err
}

func (c *config) limiter() (ratelimit.Limiter, error) {
	if c.uploadLimit == 0 {
		return ratelimit.Unlimited{}, nil
	}
	return memorylimiter.New(&memorylimiter.Options{Limit: c.uploadLimit, Window: c.uploadWindow})
}

// close closes what was opened, in the opposite order.
func (a *app) close() error {
	var errs []error
	if a.queue != nil {
		errs = append(errs, a.queue.Close())
	}
	if a.store != nil {
		errs = append(errs, a.store.Close())
	}
	if a.lock != nil {
		errs = append(errs, a.lock.Close())
	}
	return errors.Join(errs...)
}
