// Command refserver is the reference server of eventmetrics: it takes CSV
// files of events over HTTP and answers exact daily metrics. Without any
// configuration it keeps its data in SQLite files under ./data.
//
// Run it with -h for its settings. Each is a flag, an environment variable, or
// a line in the file .env, in this order of precedence.
//
// "refserver import-legacy -from URI" brings the data of the original service,
// in the MongoDB database that the URI names, to where the server would keep
// its own, and reports what it found.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // zones are part of the API, not of the machine
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	if err := run(ctx, os.Args[1:], os.Getenv); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1) //nolint:gocritic // the deferred stop only matters while the process lives
	}
}

// run does what the arguments say: by default it serves until ctx ends.
func run(ctx context.Context, args []string, getenv func(string) string) error {
	if len(args) > 0 && args[0] == "import-legacy" {
		return importLegacy(ctx, args[1:], getenv, os.Stdout)
	}
	c, err := load(args, getenv)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("refserver: configuration:\n%w", err)
	}
	a, err := open(ctx, c)
	if err != nil {
		return fmt.Errorf("refserver: %w", err)
	}
	if err := errors.Join(a.serve(ctx), a.close()); err != nil {
		return fmt.Errorf("refserver: %w", err)
	}
	return nil
}
