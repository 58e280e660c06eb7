package sqlitestore

import (
	"context"
	"database/sql"
)

// addArrivals migrates a file of version 7 to 8: the entries of each day have
// places, and there are sums of adjacent ones. The entries that are there have no
// place in the order yet: Prune gives them one.
func addArrivals(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, `
CREATE TABLE arrivals (
	day      INTEGER NOT NULL,
	place    INTEGER NOT NULL,
	recorded INTEGER NOT NULL,
	batch_id TEXT NOT NULL,
	PRIMARY KEY (day, place)
) WITHOUT ROWID;
CREATE TABLE spans (
	day      INTEGER NOT NULL,
	level    INTEGER NOT NULL,
	no       INTEGER NOT NULL,
	counts   BLOB NOT NULL,
	subjects BLOB NOT NULL,
	PRIMARY KEY (day, level, no)
) WITHOUT ROWID;
INSERT INTO arrivals(day, place, recorded, batch_id)
	SELECT day, -row_number() OVER (PARTITION BY day ORDER BY batch_id), recorded, batch_id
	FROM (SELECT day, batch_id, coalesce((SELECT recorded FROM batches WHERE id = batch_id), (SELECT recorded FROM archived WHERE id = batch_id)) AS recorded
		FROM ledger) WHERE recorded IS NOT NULL ORDER BY 1, 2;
CREATE UNIQUE INDEX arrivals_by_time ON arrivals(day, recorded, place)`)
	return err
}
