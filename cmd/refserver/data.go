package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/cli"
	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/config"
	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/datadir"
)

// errElsewhere is the error of commands for SQLite files if there are none.
var errElsewhere = errors.New("the store is in MongoDB (MONGO_URI is set): use its own tools, see docs/operations.md")

// loadData returns the DATA_DIR of a command, and its arguments.
func loadData(command string, t *cli.Terminal, args []string) (dir string, rest []string, err error) {
	var c config.Config
	rest, err = config.ParseArgs("refserver "+command, args, t.Getenv, c.CommonSettings())
	if err != nil {
		return "", nil, misconfigured(err)
	}
	if c.Backends.MongoURI != "" {
		return "", nil, errElsewhere
	}
	return c.Backends.DataDir, rest, nil
}

// place returns the only argument of a command.
func place(command string, rest []string) (string, error) {
	if len(rest) != 1 {
		return "", fmt.Errorf("%s: want one directory, or - for an archive", command)
	}
	return rest[0], nil
}

// backup copies the data, while a server may be running.
func backup(ctx context.Context, t *cli.Terminal, args []string) error {
	dir, rest, err := loadData("backup", t, args)
	if err != nil {
		return err
	}
	to, err := place("backup", rest)
	if err != nil {
		return err
	}
	if to == "-" {
		return datadir.Stream(ctx, dir, t.Out)
	}
	names, err := datadir.Backup(ctx, dir, to)
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	_, err = fmt.Fprintf(t.Out, "backed up %s to %s\n", strings.Join(names, " and "), to)
	return err
}

// restore fills an empty DATA_DIR from a backup.
func restore(ctx context.Context, t *cli.Terminal, args []string) error {
	dir, rest, err := loadData("restore", t, args)
	if err != nil {
		return err
	}
	from, err := place("restore", rest)
	if err != nil {
		return err
	}
	var names []string
	if from == "-" {
		names, err = datadir.RestoreStream(ctx, t.In, dir)
	} else {
		names, err = datadir.Restore(ctx, from, dir)
	}
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	_, err = fmt.Fprintf(t.Out, "restored %s to %s\n", strings.Join(names, " and "), dir)
	return err
}

// compact returns free pages to the file system.
func compact(ctx context.Context, t *cli.Terminal, args []string) error {
	dir, rest, err := loadData("compact", t, args)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("compact: unknown argument %.40q", rest[0])
	}
	if err != nil {
		return err
	}
	done, err := datadir.Compact(ctx, dir)
	for _, f := range done {
		_, _ = fmt.Fprintf(t.Out, "%s: %d bytes, before %d\n", f.Name, f.After, f.Before)
	}
	if err != nil {
		return fmt.Errorf("compact: %w", err)
	}
	return nil
}
