package main

import (
	"context"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"log/slog"
	"os"
	"runtime/debug"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/backends"
	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/cli"
	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/config"
	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/datadir"
	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/metricsserver"
	"github.com/eventmetrics/eventmetrics/httpapi"
)

// app is the server with all its parts.
type app struct {
	config    *config.Config
	logger    *slog.Logger
	generated bool // the token was generated here
	backends  *backends.Backends
	exporter  *metricsserver.Exporter // nil if OPS_ADDR is off
	service   *eventmetrics.Service
	api       *httpapi.Handler
}

// open creates the parts and connects them.
func open(ctx context.Context, c *config.Config) (_ *app, err error) {
	a := &app{config: c, logger: c.Logger()}
	c.Backends.Logger, c.Service.Logger, c.API.Logger = a.logger, a.logger, a.logger
	defer func() {
		if err != nil {
			err = errors.Join(err, a.close())
		}
	}()
	c.API.Version = cli.Release(version)
	limitMemory(&c.Service)
	if a.backends, err = backends.Open(ctx, &c.Backends); err != nil {
		return nil, err
	}
	if c.API.Token == "" {
		c.API.Token, a.generated = a.token(), true
	}
	if c.OpsAddr != "" {
		if a.exporter, err = metricsserver.New(a.backends.Store, c.API.Version); err != nil {
			return nil, err
		}
		if c.Backends.Embedded() {
			if err := a.exporter.WatchDisk(c.Backends.DataDir, a.backends.Store); err != nil {
				return nil, err
			}
		}
		c.Service.MeterProvider = a.exporter.MeterProvider()
		c.API.MeterProvider = a.exporter.MeterProvider()
	}
	if c.API.Limiter, err = a.backends.Limiter(c.UploadLimit, c.UploadWindow); err != nil {
		return nil, err
	}
	c.API.SessionKey = a.sessionKey()
	if c.Tokens != nil {
		c.Tokens.SetLogger(a.logger)
		c.API.Tokens = c.Tokens.Tokens
	}
	a.service = eventmetrics.New(a.backends.Store, a.backends.Queue, &c.Service)
	if a.exporter != nil {
		if err := a.exporter.WatchQueue(a.service); err != nil {
			return nil, err
		}
	}
	a.api, err = httpapi.New(a.service, &c.API)
	return a, err
}

// token generates a token, or returns the one that was generated for DATA_DIR
// before.
func (a *app) token() string {
	if !a.config.Backends.Embedded() {
		return rand.Text()
	}
	token, err := datadir.KeepToken(a.config.Backends.DataDir)
	if err != nil {
		a.logger.Warn("the token changes with the next start", "err", err)
	}
	return token
}

// sessionKey returns the key that signs sessions: one that is kept in DATA_DIR, or
// that all replicas derive from ADMIN_TOKEN. Deriving it takes long on purpose: who
// has a cookie could otherwise try a million short tokens a second.
func (a *app) sessionKey() []byte {
	if !a.config.Backends.Embedded() {
		// The lengths are right, so that there is no error.
		key, _ := pbkdf2.Key(sha256.New, a.config.API.Token, []byte("eventmetrics sessions"), 200_000, 32)
		return key
	}
	key, err := datadir.KeepKey(a.config.Backends.DataDir)
	if err != nil {
		a.logger.Warn("sessions end with the next start", "err", err)
	}
	return key
}

// restMemory is what a server takes beside uploads and queries, in bytes.
const restMemory = 128 << 20

// limitMemory makes the garbage collector work harder before garbage exceeds what
// the settings promise, and less below that: most heaps here are so small that
// each query would begin a collection. GOMEMLIMIT and GOGC decide if they are set.
func limitMemory(o *eventmetrics.Options) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(o.UploadMemory + o.QueryMemory + restMemory)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(200)
	}
}

func (a *app) close() error {
	if a.backends == nil {
		return nil
	}
	return a.backends.Close()
}
