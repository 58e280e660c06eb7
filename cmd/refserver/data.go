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

// data is what commands for SQLite files work on.
type data struct{ dir, mongo string }

// command returns a command for SQLite files. Its Run refuses if the store is
// elsewhere.
func (d *data) command(name, about, args string, run func(ctx context.Context, t *cli.Terminal, args []string) error) cli.Command {
	taken := len(strings.Fields(args))
	return cli.Command{
		Name: name, About: about, Args: args, Least: taken, Most: taken,
		Settings: []config.Setting{
			config.DirSetting("`directory` of the SQLite files", &d.dir),
			config.New("MONGO_URI", "", "`URI` of the store in MongoDB; if it is set, there is nothing for this command", config.Text(&d.mongo)),
		},
		Run: func(ctx context.Context, t *cli.Terminal, args []string) error {
			if d.mongo != "" {
				return cli.Misconfigured(name, errElsewhere)
			}
			if err := run(ctx, t, args); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			return nil
		},
	}
}

// backup returns the command that copies the data, while a server may be running.
func backup() cli.Command {
	d := &data{}
	return d.command("backup", "copy the data to a directory or an archive (-), also while the server runs", "DIR", func(ctx context.Context, t *cli.Terminal, args []string) error {
		if args[0] == "-" {
			return datadir.Stream(ctx, d.dir, t.Out)
		}
		names, err := datadir.Backup(ctx, d.dir, args[0])
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(t.Out, "backed up %s to %s\n", strings.Join(names, " and "), args[0])
		return err
	})
}

// restore returns the command that fills an empty DATA_DIR from a backup.
func restore() cli.Command {
	d := &data{}
	return d.command("restore", "fill an empty data directory from a backup, or from an archive (-)", "DIR", func(ctx context.Context, t *cli.Terminal, args []string) error {
		var names []string
		var err error
		if args[0] == "-" {
			names, err = datadir.RestoreStream(ctx, t.In, d.dir)
		} else {
			names, err = datadir.Restore(ctx, args[0], d.dir)
		}
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(t.Out, "restored %s to %s\n", strings.Join(names, " and "), d.dir)
		_, _ = fmt.Fprintln(t.Err, "a backup has no token: without ADMIN_TOKEN, the server makes a new one at its next start and prints it")
		return err
	})
}

// compact returns the command that returns free pages to the file system.
func compact() cli.Command {
	d := &data{}
	return d.command("compact", "return the free space in the files of a stopped server", "", func(ctx context.Context, t *cli.Terminal, _ []string) error {
		done, err := datadir.Compact(ctx, d.dir)
		for _, f := range done {
			_, _ = fmt.Fprintf(t.Out, "%s: %d bytes, before %d\n", f.Name, f.After, f.Before)
		}
		return err
	})
}
