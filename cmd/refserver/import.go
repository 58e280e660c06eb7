package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/cli"
	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/legacy"
	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/settings"
	"github.com/eventmetrics/eventmetrics/store/mongostore"
)

// importConfig is what import-legacy is told. Where the data goes is told as
// to a server.
type importConfig struct {
	config
	from  string
	which legacy.Which
}

func loadImport(args []string, getenv func(string) string) (*importConfig, error) {
	c := &importConfig{}
	from := settings.New("LEGACY_MONGO_URI", "", "MongoDB `database` of the original service, mongodb://user:password@host/database", func(v string) error {
		c.from = v
		return mongostore.CheckURI(v)
	})
	from.Flag = "from"
	process := settings.New("LEGACY_PROCESS", "tried", "`batches` that are to count: tried (queued, processing, completed and failed ones), completed, or all", func(v string) (err error) {
		c.which, err = legacy.ParseWhich(v)
		return err
	})
	process.Flag = "process"
	all := append([]settings.Setting{from, process}, c.commonSettings()...)
	return c, settings.Load("refserver import-legacy", args, getenv, all)
}

// importLegacy brings over the data of the original service.
func importLegacy(ctx context.Context, t *cli.Terminal, args []string) error {
	c, err := loadImport(args, t.Getenv)
	if err != nil {
		return misconfigured(err)
	}
	report, err := c.run(ctx)
	if report != nil {
		err = errors.Join(err, report.Write(t.Out))
	}
	switch {
	case err != nil && ctx.Err() != nil:
		return fmt.Errorf("interrupted; run it again to go on: %w", err)
	case err == nil && report.Troubled > 0:
		return fmt.Errorf("%d problems, see the report", report.Troubled)
	}
	return err
}

// run opens both sides. The source goes first, so that a database that is both
// is refused before anything is written to it.
func (c *importConfig) run(ctx context.Context) (report *legacy.Report, err error) {
	logger := c.newLogger()
	source, err := legacy.Open(ctx, c.from, c.mongoURI, mongostore.DefaultDatabase)
	if err != nil {
		return nil, err
	}
	defer func() { err = cmp.Or(err, source.Close()) }()
	target, err := c.openBackends(ctx, logger)
	if err != nil {
		return nil, err
	}
	defer func() { err = cmp.Or(err, target.Close()) }()
	return legacy.Import(ctx, source, target.Store, target.Queue, &legacy.Options{Process: c.which, Dimensions: c.dimensions, Logger: logger})
}
