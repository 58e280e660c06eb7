// Command embedhandler mounts the HTTP API under a prefix of a program's own mux,
// and lets the program decide who may use it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
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
	dir := flag.String("dir", ".", "`directory` of the data")
	address := flag.String("listen", "127.0.0.1:8080", "`address` to listen on")
	flag.Parse()
	if err := run(ctx, *dir, *address); err != nil {
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
	api, err := httpapi.New(service, options())
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
	go func() { served <- listenAndServe(ctx, server) }()
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

// listenAndServe says where it listens, so that a port of 0 is of use.
func listenAndServe(ctx context.Context, server *http.Server) error {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", server.Addr)
	if err != nil {
		return err
	}
	log.Printf("listening on http://%s/analytics/", l.Addr())
	return server.Serve(l)
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

// options are those of the API. Browsers ask for a password themselves, because
// of Challenge. A program with a page of its own to sign in sets SignInURL.
func options() *httpapi.Options {
	return &httpapi.Options{
		Authorize: authorize,
		Challenge: `Basic realm="analytics"`,
		Product:   "Acme analytics",
	}
}

// authorize stands for the program's own check of its users and their passwords.
// The API answers ErrUnauthenticated with 401, and every other error with 403.
func authorize(r *http.Request) (httpapi.Identity, error) {
	user, _, ok := r.BasicAuth()
	if !ok {
		return httpapi.Identity{}, httpapi.ErrUnauthenticated
	}
	switch user {
	case "alice":
		return httpapi.Identity{Name: user, Role: httpapi.RoleAdmin}, nil
	case "bob":
		return httpapi.Identity{Name: user, Role: httpapi.RoleViewer}, nil
	}
	return httpapi.Identity{}, errors.New("only alice and bob are allowed")
}
