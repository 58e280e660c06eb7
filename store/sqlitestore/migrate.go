package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// oldestVersion is the oldest user_version that a Store can migrate. Earlier
// ones were never in a release.
const oldestVersion = 3

// steps migrate a file: each from a version to the next, the first one from
// oldestVersion. Open runs those that a file needs, in order, each in a
// transaction with the change of user_version. So a step happens as a whole or
// not at all, and after a crash the next Open continues with the step that was
// interrupted.
//
// A new version needs a step here, the same change in schema, and a file of the
// version before in testdata. A step must not use the constants and functions of
// the present version that a later one may change. The log of a transaction is
// as large as the pages that it changes, so that a step that rewrites all blocks
// needs as much free space as the file has.
var steps = [...]func(ctx context.Context, tx *sql.Tx) error{
	nameTablesPlainly, // to 4
	addProofs,         // to 5
	addID,             // to 6
	addKeys,           // to 7
	addArrivals,       // to 8
}

// schemaVersion is the user_version of a file that schema describes.
const schemaVersion = oldestVersion + len(steps)

// ErrVersion means that a file was written by a release whose files this one
// cannot read, or by another program. The message says what to run.
var ErrVersion = errors.New("file of another version")

// fileMarks tell which program wrote a file, and by which schema.
type fileMarks struct{ application, version, tables int }

func readMarks(ctx context.Context, q querier) (m fileMarks, err error) {
	err = q.QueryRowContext(ctx, "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema) FROM pragma_application_id, pragma_user_version").
		Scan(&m.application, &m.version, &m.tables)
	if err != nil {
		return m, fmt.Errorf("read its marks: %w", err)
	}
	return m, nil
}

// isNew reports whether the file is empty.
func (m fileMarks) isNew() bool { return m == fileMarks{} }

// check returns an error if a Store cannot read such a file. Errors: ErrVersion.
func (m fileMarks) check() error {
	reads := fmt.Sprintf("this program reads versions %d to %d", oldestVersion, schemaVersion)
	switch {
	case m.application != applicationID:
		return fmt.Errorf("%w: another program has written it: its application id is %#x, not %#x", ErrVersion, m.application, applicationID)
	case m.version > schemaVersion:
		return fmt.Errorf("%w: it has version %d, of a newer release, and %s: run the newer release, or restore a backup from before the upgrade",
			ErrVersion, m.version, reads)
	case m.version < oldestVersion:
		return fmt.Errorf("%w: it has version %d, from before the first release, and %s: upload its files again into a new directory",
			ErrVersion, m.version, reads)
	}
	return nil
}

// migrate creates the tables of a new file, or runs the steps that an old one
// needs.
func (s *Store) migrate(ctx context.Context, conn *sql.Conn) error {
	for {
		m, err := migrateOnce(ctx, conn)
		switch {
		case err != nil && m.check() == nil:
			return fmt.Errorf("migrate the file from version %d to %d: %w", m.version, m.version+1, err)
		case err != nil || m.isNew() || m.version == schemaVersion:
			return err
		}
		s.log.InfoContext(ctx, "file migrated", "from", m.version, "to", m.version+1)
	}
}

// migrateOnce runs the next step in a transaction, if the file needs one, and
// returns the marks that it had before.
func migrateOnce(ctx context.Context, conn *sql.Conn) (fileMarks, error) {
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return fileMarks{}, err
	}
	defer tx.Rollback() //nolint:errcheck // does nothing after Commit
	m, err := readMarks(ctx, tx)
	switch {
	case err != nil:
		return m, err
	case m.isNew():
		err = setUpTables(ctx, tx)
	case m.check() != nil:
		return m, m.check()
	case m.version == schemaVersion:
		return m, nil
	default:
		err = runStep(ctx, tx, m.version)
	}
	if err != nil {
		return m, err
	}
	return m, tx.Commit()
}

// runStep migrates the file from a version to the next.
func runStep(ctx context.Context, tx *sql.Tx, from int) error {
	if err := steps[from-oldestVersion](ctx, tx); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version=%d", from+1))
	return err
}
