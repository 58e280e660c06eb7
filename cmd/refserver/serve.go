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
	"strconv"
	"time"
)

// serve listens and works until ctx ends or something cannot go on. Then it
// stops being ready, ends the requests, then the jobs, and last the operators'
// listener, so that the end can be watched.
func (a *app) serve(ctx context.Context) error {
	public, err := listen(ctx, "HOST, PORT", net.JoinHostPort(a.config.host, strconv.Itoa(a.config.port)))
	if err != nil {
		return err
	}
	ops, err := a.startOps(ctx)
	if err != nil {
		return errors.Join(err, public.Close())
	}
	defer func() { _ = ops.Close() }()
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
	case err = <-ended: // one cannot go on: end the other in good order
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

// startOps serves operators.
func (a *app) startOps(ctx context.Context) (io.Closer, error) {
	if a.ops == nil {
		return io.NopCloser(nil), nil
	}
	l, err := listen(ctx, "OPS_ADDR", a.config.opsAddr)
	if err != nil {
		return nil, err
	}
	server := newServer(a.ops.Handler(a.api), a.logger)
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

// endRequests lets the requests under way end, within the time for it.
func (a *app) endRequests(ctx context.Context, server *http.Server) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.config.shutdown)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		a.logger.Warn("requests cut off", "err", err)
		_ = server.Close()
	}
}

// listen listens on the address that a setting names.
func listen(ctx context.Context, setting, address string) (net.Listener, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", setting, err)
	}
	return l, nil
}

// newServer returns a server that gives up on slow clients. Uploads have a
// deadline of their own that moves as they do.
func newServer(handler http.Handler, logger *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
}

// announce says where the server is. The token is in the fragment, which
// browsers do not send; it is printed once, and never logged.
func (a *app) announce(address net.Addr) {
	url := "http://" + address.String() + "/"
	a.logger.Info("listening", "url", url)
	if a.generated {
		fmt.Fprintf(os.Stderr, "\n  open %s#token=%s\n\n", url, a.config.token)
	}
}
