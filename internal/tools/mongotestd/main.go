// Command mongotestd is a MongoDB-wire server for tests: FerretDB on SQLite
// files in a directory, on a port of 127.0.0.1. It prints its URI as one line
// and serves until standard input ends or SIGTERM arrives, so that it never
// outlives the process that started it. Build it with the tag
// ferretdb_no_postgresql.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"syscall"

	"github.com/FerretDB/FerretDB/ferretdb"

	"github.com/eventmetrics/eventmetrics/internal/tools/mongotestd/serialize"
)

func main() {
	dir := flag.String("dir", "", "existing `directory` of the databases (required)")
	addr := flag.String("addr", "127.0.0.1:0", "`address` to listen on")
	atomic := flag.Bool("serialize", true, "let one write run at a time, so that each is atomic as MongoDB's are")
	flag.Parse()
	// It decodes whole collections again and again: with the default, half of its
	// time goes into collecting what little it holds.
	debug.SetGCPercent(400)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *dir, *addr, *atomic); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run returns without waiting for its connections: what was answered is in
// SQLite's files, which recover from much worse.
func run(ctx context.Context, dir, addr string, atomic bool) error {
	ctx, end := context.WithCancel(ctx)
	go func() {
		defer end()
		_, _ = io.Copy(io.Discard, os.Stdin)
	}()
	inner := addr
	if atomic {
		inner = "127.0.0.1:0"
	}
	db, err := open(dir, inner)
	if err != nil {
		return err
	}
	failed := make(chan error, 2)
	go func() { failed <- db.Run(ctx) }()
	uri := db.MongoDBURI()
	if atomic {
		outer, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
		if err != nil {
			return fmt.Errorf("mongotestd: listen: %w", err)
		}
		server, err := url.Parse(uri)
		if err != nil {
			return fmt.Errorf("mongotestd: read the server's URI: %w", err)
		}
		go func() { failed <- serialize.Serve(ctx, outer, server.Host) }()
		uri = "mongodb://" + outer.Addr().String() + "/"
	}
	fmt.Println(uri)
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return err
	}
}

// open prepares FerretDB. The files need not survive the machine, so nothing
// is synced: that makes small writes many times faster and still survives
// kill -9. An in-memory database would hang under concurrency.
func open(dir, addr string) (*ferretdb.FerretDB, error) {
	if dir == "" {
		return nil, errors.New("mongotestd: -dir is required")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("mongotestd: find the directory: %w", err)
	}
	files := url.URL{Scheme: "file", Path: dir + "/", OmitHost: true, RawQuery: "_pragma=synchronous(off)"}
	db, err := ferretdb.New(&ferretdb.Config{
		Listener:  ferretdb.ListenerConfig{TCP: addr},
		Logger:    slog.New(slog.DiscardHandler),
		Handler:   "sqlite",
		SQLiteURL: files.String(),
	})
	if err != nil {
		return nil, fmt.Errorf("mongotestd: open: %w", err)
	}
	return db, nil
}
