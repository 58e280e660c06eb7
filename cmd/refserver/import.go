package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/backends"
	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/cli"
	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/config"
	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/legacy"
	"github.com/eventmetrics/eventmetrics/store/mongostore"
)

// importConfig is the configuration of import-legacy. The settings of the
// target are those of a server.
type importConfig struct {
	config.Config
	from  string
	which legacy.Which
}

func (c *importConfig) settings() []config.Setting {
	from := config.New("LEGACY_MONGO_URI", "", "MongoDB `URI` of the original service, mongodb://user:password@host/database", func(v string) error {
		c.from = v
		return mongostore.CheckURI(v)
	})
	from.Flag = "from"
	process := config.New("LEGACY_PROCESS", "tried", "`batches` to process: tried (queued, processing, completed and failed), completed, or all", func(v string) (err error) {
		c.which, err = legacy.ParseWhich(v)
		return err
	})
	process.Flag = "process"
	return append([]config.Setting{from, process.Among("tried", "completed", "all")}, c.DataSettings()...)
}

// importLegacy returns the command that imports the data of the original service.
func importLegacy() cli.Command {
	c := &importConfig{}
	return cli.Command{
		Name: "import-legacy", About: "import the data of the original service", Settings: c.settings(),
		Run: func(ctx context.Context, t *cli.Terminal, _ []string) error {
			report, err := c.run(ctx)
			if report != nil {
				err = errors.Join(err, report.Write(t.Out))
			}
			switch {
			case err != nil && ctx.Err() != nil:
				return fmt.Errorf("interrupted; run it again to continue: %w", err)
			case err == nil && report.Troubled > 0:
				return fmt.Errorf("%d problems, see the report", report.Troubled)
			}
			return err
		},
	}
}

// run opens the source before the target. A database that is both is refused
// before anything is written to it.
func (c *importConfig) run(ctx context.Context) (report *legacy.Report, err error) {
	source, err := legacy.Open(ctx, c.from, c.Backends.MongoURI, mongostore.DefaultDatabase)
	if err != nil {
		return nil, err
	}
	defer func() { err = cmp.Or(err, source.Close()) }()
	c.Backends.Logger = c.Logger()
	target, err := backends.Open(ctx, &c.Backends)
	if err != nil {
		return nil, err
	}
	defer func() { err = cmp.Or(err, target.Close()) }()
	return legacy.Import(ctx, source, target.Store, target.Queue, &legacy.Options{
		Process: c.which, Dimensions: c.Service.Dimensions, Logger: c.Backends.Logger,
	})
}
