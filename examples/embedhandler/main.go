// Command embedhandler mounts the API under a prefix of somebody else's mux,
// behind that program's own check of who may use it.
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
	go func() { _ = service.Run(ctx) }() // q.Close waits for it
	mux, err := newMux(service)
	if err != nil {
		return err
	}
	server := &http.Server{Addr: address, Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() {
		<-ctx.Done()
		ended <- server.Shutdown(context.WithoutCancel(ctx))
	}()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-ended
}

// newMux is the program's own mux, with ours in it.
func newMux(service *eventmetrics.Service) (*http.ServeMux, error) {
	api, err := httpapi.New(service, &httpapi.Options{Authorize: authorize})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/analytics/", http.StripPrefix("/analytics", api))
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "the program's own page")
	})
	return mux, nil
}

// authorize stands for whatever the program does about its users.
func authorize(r *http.Request) error {
	switch user, _, ok := r.BasicAuth(); {
	case !ok:
		return httpapi.ErrUnauthenticated
	case user != "alice":
		return errors.New("only alice may")
	}
	return nil
}
