package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/config"
)

// serve listens and works until ctx ends or a part fails. Then it reports that
// it is not ready, finishes the requests, then the jobs, and closes the
// listener for operators last, so that they can watch it shut down.
func (a *app) serve(ctx context.Context) error {
	public, err := listen(ctx, "HOST, PORT", a.config.Address())
	if err != nil {
		return err
	}
	metrics, err := a.serveMetrics(ctx)
	if err != nil {
		return errors.Join(err, public.Close())
	}
	defer func() { _ = metrics.Close() }()
	a.announce(public.Addr())

	work, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()
	server := newServer(a.api, a.logger)
	ended := make(chan error, 2)
	go func() { ended <- a.service.Run(work) }()
	go func() { ended <- serveHTTP(server, public) }()

	left := cap(ended)
	select {
	case <-ctx.Done():
	case err = <-ended: // one part failed: shut down the other
		left--
	}
	a.logger.Info("shutting down")
	a.api.Drain()
	a.endRequests(ctx, server)
	stopWork()
	for range left {
		err = errors.Join(err, <-ended)
	}
	return err
}

// serveMetrics serves metrics and profiles to operators, unless OPS_ADDR is off.
func (a *app) serveMetrics(ctx context.Context) (io.Closer, error) {
	if a.exporter == nil {
		return io.NopCloser(nil), nil
	}
	l, err := listen(ctx, "OPS_ADDR", a.config.OpsAddr)
	if err != nil {
		return nil, err
	}
	server := newServer(a.exporter.Handler(a.api), a.logger)
	go func() { _ = server.Serve(l) }()
	a.logger.Info("listening for operators", "url", "http://"+l.Addr().String()+"/metrics")
	return server, nil
}

func serveHTTP(server *http.Server, l net.Listener) error {
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// endRequests lets running requests finish, for at most SHUTDOWN_SECONDS.
func (a *app) endRequests(ctx context.Context, server *http.Server) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.config.Backends.DrainTimeout)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		a.logger.Warn("requests interrupted", "err", err)
		_ = server.Close()
	}
}

// listen listens on an address; its errors name the setting.
func listen(ctx context.Context, setting, address string) (net.Listener, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", setting, err)
	}
	return l, nil
}

// newServer returns a server that disconnects slow clients. Uploads have their
// own deadline, which moves as data arrives.
func newServer(handler http.Handler, logger *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
}

// announce logs the address of the server, and prints one to click. A generated
// token is in the fragment of that, which browsers do not send. It is never logged.
func (a *app) announce(address net.Addr) {
	a.logger.Info("listening", "url", "http://"+address.String()+"/")
	url := "http://" + config.LocalAddress(address.String()) + "/"
	switch {
	case a.generated:
		fmt.Fprintf(os.Stderr, "\n  open %s#token=%s\n\n", url, a.config.API.Token)
	case !a.config.LogJSON:
		fmt.Fprintf(os.Stderr, "\n  open %s and sign in with your ADMIN_TOKEN\n\n", url)
	}
}
