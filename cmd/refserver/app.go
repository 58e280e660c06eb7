package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"

	"go.opentelemetry.io/otel/metric"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/backends"
	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/metricsserver"
	"github.com/eventmetrics/eventmetrics/httpapi"
	"github.com/eventmetrics/eventmetrics/ratelimit"
)

// app is the server with all its parts.
type app struct {
	config    *config
	logger    *slog.Logger
	generated bool // the token was made here
	backends  *backends.Backends
	ops       *metricsserver.Ops // nil if nobody is to see
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
	if a.backends, err = c.openBackends(ctx, a.logger); err != nil {
		return nil, err
	}
	var meters metric.MeterProvider
	if c.opsAddr != "" {
		if a.ops, err = metricsserver.New(a.backends.Store, a.backends.Queue); err != nil {
			return nil, err
		}
		meters = a.ops.MeterProvider()
	}
	a.service = eventmetrics.New(a.backends.Store, a.backends.Queue, &eventmetrics.Options{
		Schemas:        c.schemas,
		Dimensions:     c.dimensions,
		MaxUploadBytes: c.maxUploadBytes,
		CleanupEvery:   c.cleanupEvery,
		CleanupTTL:     c.cleanupTTL,
		AuditEvery:     cmp.Or(c.auditEvery, -1),
		Retention:      c.retention,
		RetainEvery:    c.retainEvery,
		Logger:         a.logger,
		MeterProvider:  meters,
	})
	limiter, err := a.backends.Limiter(c.uploadLimit, c.uploadWindow)
	if err != nil {
		return nil, err
	}
	a.api, err = httpapi.New(a.service, &httpapi.Options{
		Token:        c.token,
		Limiter:      limiter,
		Source:       ratelimit.NewClientIP(c.trusted),
		MaxUploads:   c.maxUploads,
		MaxBodyBytes: c.maxUploadBytes + 1<<20, // the file and its multipart frame
		Logger:       a.logger,

		MeterProvider: meters,
	})
	return a, err
}

func (c *config) openBackends(ctx context.Context, logger *slog.Logger) (*backends.Backends, error) {
	return backends.Open(ctx, &backends.Options{
		MongoURI: c.mongoURI,
		RedisURL: c.redisURL,
		DataDir:  c.dataDir,
		Workers:  c.workers,
		Drain:    c.shutdown,
		Logger:   logger,
	})
}

func (a *app) close() error {
	if a.backends == nil {
		return nil
	}
	return a.backends.Close()
}
