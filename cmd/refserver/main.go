// Command refserver is the reference server of eventmetrics. It accepts CSV
// files of events over HTTP and serves exact daily metrics. Without any
// configuration it keeps its data in SQLite files under ./data.
//
// Run it with -h for its commands and settings. Each setting is a flag, an
// environment variable or a line in the file .env, in this order of
// precedence. The exit status is 0 if all was done, 1 if something was refused or
// failed, 2 for a mistake in flags, arguments or settings, and 3 if no server
// answers.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // the API offers time zones, whether the machine has them or not

	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/cli"
	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/config"
)

// version is set by the linker: -ldflags '-X main.version=v1.2.3'.
var version string

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process immediately
	if err := run(ctx, cli.Process(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(cli.ExitStatus(err)) //nolint:gocritic // the deferred stop only matters while the process lives
	}
}

// run runs the command that args name. Without one it serves until ctx ends.
func run(ctx context.Context, t *cli.Terminal, args []string) error {
	return program(t).Run(ctx, t, args)
}

// program returns the commands for one run.
func program(t *cli.Terminal) *cli.Program {
	return &cli.Program{
		Name: "refserver", About: "CSV files of events in, exact daily metrics out", Version: cli.Release(version),
		Commands: []cli.Command{
			serve(), cli.Upload(t), cli.ListBatches(), cli.ProcessBatches(), cli.RepairFile(), events(), cli.DeleteBatches(), cli.DeadLetters(),
			cli.Metrics(), cli.Token(), cli.Doctor(), backup(), restore(), compact(), importLegacy(), cli.Version(version),
		},
	}
}

// serve returns the command that serves until it is told to end.
func serve() cli.Command {
	c := &config.Config{}
	return cli.Command{
		Name: "serve", About: "serve the HTTP API", Settings: c.Settings(),
		Run: func(ctx context.Context, _ *cli.Terminal, _ []string) error {
			if err := c.Complete(); err != nil {
				return cli.Misconfigured("serve", err)
			}
			a, err := open(ctx, c)
			if err != nil {
				return err
			}
			return errors.Join(a.serve(ctx), a.close())
		},
	}
}
