package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/eventmetrics/eventmetrics/store/sqlitestore/internal/diskspace"
)

const (
	// applicationID marks the file as ours: "evmt".
	applicationID = 0x65766d74
	// pageSize keeps the number of pages of a block, and what each costs, low.
	pageSize = 8192
)

// schema creates the tables of schemaVersion. Times are Unix milliseconds.
//
//   - unfinished has the batches that are not committed, and those of which
//     blocks and attachments are to be deleted: batch_id is null when no writer
//     may use them any more.
//   - batches.source is the number under which the blocks of a batch are: that
//     of the batch, until an erasure has given it other blocks. The id of a
//     block is source shifted by blockBits, plus its place. A batch whose
//     recorded is null has no contribution in the ledger.
//     Its proof has sums of all that the batch has in other tables, and of the
//     row itself.
//   - pending has the contributions that were committed and not recorded.
//   - days has the counts of the sums of days, so that it is small and quick to
//     read; details has their quarter hours and subjects. Null subjects in
//     details are out of date, and are merged from the ledger.
//   - ledger_groups and day_groups have the groups of the ledger and of the
//     sums, with rows only where there are groups, so that queries for totals do
//     not read them.
//   - arrivals has the place of each entry of the ledger in the order of its day,
//     and spans the sums of entries with adjacent places: see arrange.
//   - unpurged counts, for each day, the batches that contribute to it and whose
//     events are not purged.
//   - fingerprints has a leaf of claims in each row: fingerprints, up to last,
//     and the numbers of their batches, with a sum. The claims of a batch that is neither in
//     batches nor in archived are void. Its number is in freed until they are
//     removed.
//   - owners has further batches of fingerprints, with a sum of each row.
//   - keys has further idempotency keys of batches, with a sum of each row.
//   - deployment has the id of the file, with a sum, in one row.
const schema = `
CREATE TABLE unfinished (
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
	accepted    INTEGER NOT NULL,
	rejected    INTEGER NOT NULL,
	duplicates  INTEGER NOT NULL,
	blocks      INTEGER NOT NULL,
	status      TEXT NOT NULL,
	last_error  TEXT NOT NULL,
	idem_key    TEXT,
	key_expires INTEGER NOT NULL,
	repair_of   TEXT,
	created     INTEGER NOT NULL,
	updated     INTEGER NOT NULL,
	purged      INTEGER NOT NULL,
	recorded    INTEGER,
	source      INTEGER NOT NULL,
	erased      INTEGER NOT NULL,
	erasure     TEXT NOT NULL,
	proof       BLOB NOT NULL DEFAULT x''
);
CREATE UNIQUE INDEX batches_by_source ON batches(source);
CREATE INDEX batches_by_status ON batches(status, id);
CREATE INDEX batches_by_key ON batches(idem_key, id) WHERE idem_key IS NOT NULL;
CREATE INDEX batches_by_repaired ON batches(repair_of, id) WHERE repair_of IS NOT NULL;
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
CREATE TABLE fingerprints (
	id    INTEGER PRIMARY KEY,
	level INTEGER NOT NULL,
	last  BLOB NOT NULL,
	data  BLOB NOT NULL,
	sum   INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX fingerprints_by_last ON fingerprints(level, last);
CREATE TABLE owners (
	seq INTEGER NOT NULL,
	fp  BLOB NOT NULL,
	sum INTEGER NOT NULL,
	PRIMARY KEY (fp, seq)
) WITHOUT ROWID;
CREATE INDEX owners_by_batch ON owners(seq);
CREATE TABLE keys (
	key     TEXT PRIMARY KEY,
	seq     INTEGER NOT NULL,
	expires INTEGER NOT NULL,
	sum     INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX keys_by_batch ON keys(seq);
CREATE TABLE levels (
	level  INTEGER PRIMARY KEY,
	claims INTEGER NOT NULL,
	moved  BLOB
);
CREATE TABLE freed (
	seq INTEGER PRIMARY KEY
);
CREATE TABLE archived (
	seq      INTEGER PRIMARY KEY,
	id       TEXT NOT NULL UNIQUE,
	recorded INTEGER,
	proof    BLOB NOT NULL DEFAULT x''
);
CREATE TABLE unpurged (
	day     INTEGER PRIMARY KEY,
	batches INTEGER NOT NULL
);
CREATE TABLE arrivals (
	day      INTEGER NOT NULL,
	place    INTEGER NOT NULL,
	recorded INTEGER NOT NULL,
	batch_id TEXT NOT NULL,
	PRIMARY KEY (day, place)
) WITHOUT ROWID;
CREATE UNIQUE INDEX arrivals_by_time ON arrivals(day, recorded, place);
CREATE TABLE spans (
	day      INTEGER NOT NULL,
	level    INTEGER NOT NULL,
	no       INTEGER NOT NULL,
	counts   BLOB NOT NULL,
	subjects BLOB NOT NULL,
	PRIMARY KEY (day, level, no)
) WITHOUT ROWID;
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
CREATE TABLE deployment (
	id  TEXT NOT NULL,
	sum INTEGER NOT NULL
);
`

// setUp prepares a new file and migrates an old one.
func (s *Store) setUp(ctx context.Context) error {
	conn, err := s.writer.Conn(ctx)
	if err != nil {
		return wrap(ctx, err, "connect")
	}
	defer conn.Close() //nolint:errcheck // returns the connection to its pool
	var busy int
	if err := conn.QueryRowContext(ctx, "PRAGMA busy_timeout").Scan(&busy); err != nil {
		return wrap(ctx, err, "read busy_timeout")
	}
	if busy == 0 {
		return errors.New("sqlitestore: the writer has no busy_timeout: open it with DSN")
	}
	// A file that is refused is not changed.
	m, err := readMarks(ctx, conn)
	if err == nil && !m.isNew() {
		err = m.check()
	}
	if err != nil {
		return wrap(ctx, err, "read the file")
	}
	if err := makeWAL(ctx, conn); err != nil {
		return wrap(ctx, err, "prepare the file")
	}
	if err := s.migrate(ctx, conn); err != nil {
		return wrap(ctx, err, "prepare the file")
	}
	return wrap(ctx, s.findSpace(ctx, conn), "find the file")
}

// findSpace finds the log and the file system of the file.
func (s *Store) findSpace(ctx context.Context, conn *sql.Conn) error {
	var path string
	if err := conn.QueryRowContext(ctx, "SELECT file FROM pragma_database_list WHERE name = 'main'").Scan(&path); err != nil {
		return err
	}
	s.space.log = path + "-wal"
	if s.space.of == nil {
		s.space.of = func() (free, total int64, err error) { return diskspace.Of(path) }
	}
	return nil
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

// setUpTables creates the tables of a new file.
func setUpTables(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, schema+fmt.Sprintf("PRAGMA user_version=%d; PRAGMA application_id=%d;", schemaVersion, applicationID))
	if err != nil {
		return err
	}
	return giveID(ctx, tx)
}
