package riverqueue

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivermigrate"
)

// ErrVersion means that the tables are those of a newer release. The message
// says what to run.
var ErrVersion = errors.New("queue of another version")

// migrate brings River's tables up to date, one version after the other, each in
// one transaction. The versions are River's; this package has no other layout.
// Errors: ErrVersion.
func (q *Queue) migrate(ctx context.Context) error {
	m, err := q.migrator()
	if err != nil {
		return err
	}
	if err := q.checkVersion(ctx, m); err != nil {
		return err
	}
	done, err := m.Migrate(ctx, rivermigrate.DirectionUp, nil)
	if err != nil {
		return fmt.Errorf("riverqueue: migrate: %w", err)
	}
	for _, version := range done.Versions {
		q.opts.Logger.DebugContext(ctx, "tables of the queue migrated", "version", version.Version)
	}
	return nil
}

func (q *Queue) migrator() (*rivermigrate.Migrator[*sql.Tx], error) {
	m, err := rivermigrate.New(q.driver, &rivermigrate.Config{Logger: q.riverLogger()})
	if err != nil {
		return nil, fmt.Errorf("riverqueue: prepare migration: %w", err)
	}
	return m, nil
}

// checkVersion returns ErrVersion if the tables have a version that this release
// does not know. River's own migration would not notice.
func (q *Queue) checkVersion(ctx context.Context, m *rivermigrate.Migrator[*sql.Tx]) error {
	exec := q.driver.GetExecutor()
	found, err := exec.TableExists(ctx, &riverdriver.TableExistsParams{Table: "river_migration"})
	if err != nil {
		return fmt.Errorf("riverqueue: read version: %w", err)
	}
	if !found {
		return nil
	}
	applied, err := exec.MigrationGetByLine(ctx, &riverdriver.MigrationGetByLineParams{Line: riverdriver.MigrationLineMain})
	if err != nil {
		return fmt.Errorf("riverqueue: read version: %w", err)
	}
	newest := 0
	for _, known := range m.AllVersions() {
		newest = max(newest, known.Version)
	}
	for _, version := range applied {
		if version.Version > newest {
			return fmt.Errorf("riverqueue: %w: its tables have version %d, of a newer release, and this program reads versions up to %d: "+
				"run the newer release, or restore a backup from before the upgrade", ErrVersion, version.Version, newest)
		}
	}
	return nil
}
