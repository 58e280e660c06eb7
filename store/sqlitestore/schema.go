package sqlitestore

import (
	"context"
	"database/sql"
	"fmt"
)

const (
	// schemaVersion is the user_version of the file.
	schemaVersion = 4
	// applicationID marks the file as ours: "evmt".
	applicationID = 0x65766d74
	// pageSize keeps the number of pages of a block, and what each costs, low.
	pageSize = 8192
)

// schema has times as Unix milliseconds. The rows of a batch that is not
// committed, was removed, or was sealed are found by remainders; batch_id is
// null there once the writer has lost them. The id of a block is the source of
// its batch shifted by blockBits, plus its place; the source is the number of
// the batch until an erasure has given it other blocks. Sums without subjects are in
// days, which is small and so quick to read; details has the rest. Null
// subjects in details are out of date: the ledger has the truth. The groups of
// the ledger and of the sums are in tables of their own, with rows only where
// there are groups, so that whoever reads totals does not read over them. A
// batch whose recorded is null has no contribution. UnpurgedDays counts, for each
// day, the batches that have a share in it and are not sealed. Each row of
// prints has fingerprints, up to last, and the numbers of their batches; those
// of a batch that is gone, and not in forgotten, are void. Until they are removed
// its number is in freed.
const schema = `
CREATE TABLE remainders (
	seq      INTEGER PRIMARY KEY AUTOINCREMENT,
	batch_id TEXT UNIQUE,
	touched  INTEGER NOT NULL,
	attached INTEGER NOT NULL
);
CREATE TABLE batches (
	seq         INTEGER PRIMARY KEY,
	id          TEXT NOT NULL UNIQUE,
	file_name   TEXT NOT NULL,
	sha256      TEXT NOT NULL,
	events      INTEGER NOT NULL,
	failed      INTEGER NOT NULL,
	duplicates  INTEGER NOT NULL,
	blocks      INTEGER NOT NULL,
	status      TEXT NOT NULL,
	cause       TEXT NOT NULL,
	idem_key    TEXT,
	key_expires INTEGER NOT NULL,
	repairs     TEXT,
	created     INTEGER NOT NULL,
	updated     INTEGER NOT NULL,
	sealed      INTEGER NOT NULL,
	recorded    INTEGER,
	source      INTEGER NOT NULL,
	erased      INTEGER NOT NULL,
	erasure     TEXT NOT NULL
);
CREATE INDEX batches_by_status ON batches(status, id);
CREATE INDEX batches_by_key ON batches(idem_key, id) WHERE idem_key IS NOT NULL;
CREATE INDEX batches_by_repaired ON batches(repairs, id) WHERE repairs IS NOT NULL;
CREATE TABLE blocks (
	id   INTEGER PRIMARY KEY,
	data BLOB NOT NULL
);
CREATE TABLE attachments (
	seq  INTEGER NOT NULL,
	name TEXT NOT NULL,
	no   INTEGER NOT NULL,
	data BLOB NOT NULL,
	PRIMARY KEY (seq, name, no)
) WITHOUT ROWID;
CREATE TABLE pending (
	seq  INTEGER PRIMARY KEY,
	data BLOB NOT NULL
);
CREATE TABLE ledger (
	day      INTEGER NOT NULL,
	batch_id TEXT NOT NULL,
	counts   BLOB NOT NULL,
	subjects BLOB NOT NULL,
	PRIMARY KEY (day, batch_id)
) WITHOUT ROWID;
CREATE INDEX ledger_by_batch ON ledger(batch_id, day);
CREATE TABLE days (
	day    INTEGER PRIMARY KEY,
	totals BLOB NOT NULL
);
CREATE TABLE details (
	day      INTEGER PRIMARY KEY,
	version  INTEGER NOT NULL,
	slots    BLOB NOT NULL,
	subjects BLOB
);
CREATE TABLE prints (
	id    INTEGER PRIMARY KEY,
	level INTEGER NOT NULL,
	last  BLOB NOT NULL,
	data  BLOB NOT NULL
);
CREATE UNIQUE INDEX prints_by_last ON prints(level, last);
CREATE TABLE levels (
	level  INTEGER PRIMARY KEY,
	claims INTEGER NOT NULL,
	moved  BLOB
);
CREATE TABLE freed (
	seq INTEGER PRIMARY KEY
);
CREATE TABLE forgotten (
	seq      INTEGER PRIMARY KEY,
	id       TEXT NOT NULL UNIQUE,
	recorded INTEGER
);
CREATE TABLE unsealed (
	day     INTEGER PRIMARY KEY,
	batches INTEGER NOT NULL
);
CREATE TABLE ledger_groups (
	day      INTEGER NOT NULL,
	batch_id TEXT NOT NULL,
	groups   BLOB NOT NULL,
	PRIMARY KEY (batch_id, day)
) WITHOUT ROWID;
CREATE TABLE day_groups (
	day    INTEGER PRIMARY KEY,
	groups BLOB NOT NULL
);
`

// setUp prepares a new file and checks an old one.
func (s *Store) setUp(ctx context.Context) error {
	conn, err := s.writer.Conn(ctx)
	if err != nil {
		return wrap(ctx, err, "connect")
	}
	defer conn.Close() //nolint:errcheck // returns the connection to its pool
	if err := makeWAL(ctx, conn); err != nil {
		return wrap(ctx, err, "prepare the file")
	}
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return wrap(ctx, err, "begin")
	}
	defer tx.Rollback() //nolint:errcheck // does nothing after Commit
	if err := migrate(ctx, tx); err != nil {
		return err
	}
	return wrap(ctx, tx.Commit(), "create the tables")
}

// makeWAL sets the size of pages, which must come before the first write, and
// then the journal mode. Both are kept in the file.
func makeWAL(ctx context.Context, conn *sql.Conn) error {
	var mode string
	if err := conn.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&mode); err != nil || mode == "wal" {
		return err
	}
	if _, err := conn.ExecContext(ctx, fmt.Sprintf("PRAGMA page_size=%d", pageSize)); err != nil {
		return err
	}
	if err := conn.QueryRowContext(ctx, "PRAGMA journal_mode=WAL").Scan(&mode); err != nil {
		return err
	}
	if mode != "wal" {
		return fmt.Errorf("journal mode is %q and cannot become wal", mode)
	}
	return nil
}

func migrate(ctx context.Context, tx *sql.Tx) error {
	var version, app, busy int
	for pragma, value := range map[string]*int{"user_version": &version, "application_id": &app, "busy_timeout": &busy} {
		if err := tx.QueryRowContext(ctx, "PRAGMA "+pragma).Scan(value); err != nil {
			return wrap(ctx, err, "read %s", pragma)
		}
	}
	switch {
	case busy == 0:
		return fmt.Errorf("sqlitestore: the writer has no busy_timeout: open it with DSN")
	case version == schemaVersion && app == applicationID:
		return nil
	case version != 0 || app != 0:
		return fmt.Errorf("sqlitestore: the file has application id %#x and version %d, want %#x and %d", app, version, applicationID, schemaVersion)
	}
	marks := fmt.Sprintf("PRAGMA user_version=%d; PRAGMA application_id=%d;", schemaVersion, applicationID)
	_, err := tx.ExecContext(ctx, schema+marks)
	return wrap(ctx, err, "create the tables")
}
