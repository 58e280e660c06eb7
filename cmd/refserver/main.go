// Command refserver is the reference server of eventmetrics. It accepts CSV
// files of events over HTTP and serves exact daily metrics. Without any
// configuration it keeps its data in SQLite files under ./data.
//
// Run it with -h for its commands and settings. Each setting is a flag, an
// environment variable or a line in the file .env, in this order of
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
	_ "time/tzdata" // the API offers time zones, whether the machine has them or not

	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/cli"
	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/config"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process immediately
	if err := run(ctx, cli.Process(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1) //nolint:gocritic // the deferred stop only matters while the process lives
	}
}

// run runs the command that args name. Without one it serves until ctx ends.
func run(ctx context.Context, t *cli.Terminal, args []string) error {
	program := cli.Program{Name: "refserver", Commands: []cli.Command{
		{Name: "serve", About: "serve the HTTP API", Run: serve},
		{Name: "upload", About: "upload files to a running server", Run: cli.Upload},
		{Name: "batches", About: "list the newest batches of a running server", Run: cli.ListBatches},
		{Name: "process", About: "process batches, so that they count", Run: cli.ProcessBatches},
		{Name: "errors", About: "write the rejected rows of a batch as a file to correct", Run: cli.RepairFile},
		{Name: "delete", About: "delete batches and their counts", Run: cli.DeleteBatches},
		{Name: "dead", About: "list, retry or discard the jobs that failed for good", Run: cli.DeadLetters},
		{Name: "metrics", About: "print metrics from a running server", Run: cli.Metrics},
		{Name: "doctor", About: "check the configuration and the backends without changing anything", Run: cli.Doctor},
		{Name: "backup", About: "copy the data to a directory or an archive (-), also while the server runs", Run: backup},
		{Name: "restore", About: "fill an empty data directory from a backup", Run: restore},
		{Name: "compact", About: "return the free space in the files of a stopped server", Run: compact},
		{Name: "import-legacy", About: "import the data of the original service", Run: importLegacy},
		{Name: "version", About: "print version and build information", Run: cli.Version},
	}}
	return program.Run(ctx, t, args)
}

func serve(ctx context.Context, t *cli.Terminal, args []string) error {
	c, err := config.Load(args, t.Getenv)
	if err != nil {
		return misconfigured(err)
	}
	a, err := open(ctx, c)
	if err != nil {
		return err
	}
	return errors.Join(a.serve(ctx), a.close())
}

// misconfigured returns an error with each mistake of a configuration on a line
// of its own.
func misconfigured(err error) error {
	if errors.Is(err, flag.ErrHelp) {
		return err
	}
	return fmt.Errorf("configuration:\n%w", err)
}
