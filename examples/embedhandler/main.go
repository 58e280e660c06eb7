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
	mux, err := newMux(service)
	if err != nil {
		return err
	}
	server := &http.Server{Addr: address, Handler: mux, ReadHeaderTimeout: 10 * time.Second}

	ctx, stop := context.WithCancel(ctx)
	defer stop() // before q.Close, which waits for Run
	ended := make(chan error, 2)
	go func() { ended <- service.Run(ctx) }() // processes batches
	go func() { ended <- server.ListenAndServe() }()
	select {
	case err = <-ended: // for example because the address is in use
	case <-ctx.Done():
	}
	finish, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return errors.Join(err, server.Shutdown(finish))
}

// newMux returns the mux of the program, with the API mounted in it.
func newMux(service *eventmetrics.Service) (*http.ServeMux, error) {
	api, err := httpapi.New(service, &httpapi.Options{Authorize: authorize})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/analytics/", http.StripPrefix("/analytics", api))
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "the home page of the program")
	})
	return mux, nil
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
