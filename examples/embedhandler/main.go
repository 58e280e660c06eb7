// Command embedhandler mounts the HTTP API under a prefix of a program's own mux,
// and lets the program decide who may use it.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/httpapi"
	"github.com/eventmetrics/eventmetrics/queue/riverqueue"
	"github.com/eventmetrics/eventmetrics/store/sqlitestore"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, ".", "127.0.0.1:8080"); err != nil {
		log.Println(err)
	}
}

func run(ctx context.Context, dir, address string) error {
	st, err := sqlitestore.Open(ctx, filepath.Join(dir, "events.db"), nil)
	if err != nil {
		return err
	}
	defer st.Close()
	q, err := riverqueue.Open(ctx, filepath.Join(dir, "queue.db"), nil)
	if err != nil {
		return err
	}
	defer q.Close()

	service := eventmetrics.New(st, q, nil)
	api, err := httpapi.New(service, &httpapi.Options{Authorize: authorize})
	if err != nil {
		return err
	}
	server := &http.Server{Addr: address, Handler: newMux(api), ReadHeaderTimeout: 10 * time.Second}
	server.RegisterOnShutdown(api.Drain) // or Shutdown would wait for open dashboards
	return serve(ctx, service, server)
}

// serve works until ctx ends or a part fails, and then ends both parts: first the
// requests, then the jobs. It returns all errors.
func serve(ctx context.Context, service *eventmetrics.Service, server *http.Server) error {
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	worked, served := make(chan error, 1), make(chan error, 1)
	go func() { worked <- service.Run(work) }() // processes batches
	go func() { served <- server.ListenAndServe() }()
	var err error
	select {
	case err = <-worked: // for example because the options make no sense
		worked <- nil
	case err = <-served: // for example because the address is in use
		served <- http.ErrServerClosed
	case <-ctx.Done():
	}
	finish, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
	defer cancel()
	if late := server.Shutdown(finish); late != nil {
		err = errors.Join(err, late, server.Close())
	}
	stop()
	err = errors.Join(err, <-worked) // q.Close must come after it
	if end := <-served; !errors.Is(end, http.ErrServerClosed) {
		err = errors.Join(err, end)
	}
	return err
}

// shutdownTime is how long requests may go on when the program ends.
const shutdownTime = 10 * time.Second

// newMux returns the mux of the program, with the API mounted in it.
func newMux(api http.Handler) *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle("/analytics/", http.StripPrefix("/analytics", api))
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "the home page of the program")
	})
	return mux
}

// authorize stands for the program's own check of its users. The API answers
// ErrUnauthenticated with 401, and every other error with 403.
func authorize(r *http.Request) error {
	switch user, _, ok := r.BasicAuth(); {
	case !ok:
		return httpapi.ErrUnauthenticated
	case user != "alice":
		return errors.New("only alice is allowed")
	}
	return nil
}
