// Command refserver is the reference server of eventmetrics: it takes CSV
// files of events over HTTP and answers exact daily metrics. Without any
// configuration it keeps its data in SQLite files under ./data.
//
// Run it with -h for its commands and settings. Each setting is a flag, an
// environment variable, or a line in the file .env, in this order of
// precedence.
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

	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	if err := run(ctx, cli.Process(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1) //nolint:gocritic // the deferred stop only matters while the process lives
	}
}

// run does what the arguments say: by default it serves until ctx ends.
func run(ctx context.Context, t *cli.Terminal, args []string) error {
	program := cli.Program{Name: "refserver", Commands: []cli.Command{
		{Name: "serve", About: "serve the HTTP API", Run: serve},
		{Name: "upload", About: "upload files to a running server", Run: cli.Upload},
		{Name: "metrics", About: "print the metrics of a running server", Run: cli.Metrics},
		{Name: "doctor", About: "check the configuration and what it names, changing nothing", Run: examine},
		{Name: "import-legacy", About: "bring over the data of the original service", Run: importLegacy},
		{Name: "version", About: "print what this program was built of", Run: cli.Version},
	}}
	return program.Run(ctx, t, args)
}

func serve(ctx context.Context, t *cli.Terminal, args []string) error {
	c, err := load(args, t.Getenv)
	if err != nil {
		return misconfigured(err)
	}
	a, err := open(ctx, c)
	if err != nil {
		return err
	}
	return errors.Join(a.serve(ctx), a.close())
}

// misconfigured puts each mistake of a configuration on a line of its own.
func misconfigured(err error) error {
	if errors.Is(err, flag.ErrHelp) {
		return err
	}
	return fmt.Errorf("configuration:\n%w", err)
}
