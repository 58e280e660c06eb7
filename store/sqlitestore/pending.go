package sqlitestore

import (
	"context"
	"database/sql"

	"github.com/eventmetrics/eventmetrics/metrics"
)

// Pending implements [store.Store].
func (s *Store) Pending(ctx context.Context, id string) (metrics.Contribution, error) {
	b, err := readBatch(ctx, s.reader, id)
	if err != nil {
		return nil, wrap(ctx, err, "read pending contribution of batch %q", id)
	}
	var text []byte
	err = s.reader.QueryRowContext(ctx, "SELECT data FROM pending WHERE seq = ?", b.seq).Scan(&text)
	if isNoRows(err) {
		return nil, nil
	}
	var c metrics.Contribution
	if err == nil {
		err = b.proof.pending.check(pendingSum(text), "the pending contribution")
	}
	if err == nil {
		c, err = metrics.DecodeContribution(text, metrics.AllParts())
	}
	return c, wrap(ctx, err, "read pending contribution of batch %q", id)
}

func pendingSum(text []byte) (o optionalSum) {
	o.add(text)
	return o
}

// insertPending stores the pending contribution of a batch, if there is one.
func insertPending(ctx context.Context, tx *sql.Tx, b *batchRow, c metrics.Contribution) error {
	if len(c) == 0 {
		return nil
	}
	text, err := c.AppendBinary(nil)
	if err != nil {
		return err
	}
	b.proof.pending = pendingSum(text)
	_, err = tx.ExecContext(ctx, "INSERT INTO pending(seq, data) VALUES(?, ?)", b.seq, text)
	return err
}

func deletePending(ctx context.Context, tx *sql.Tx, seq int64) error {
	_, err := tx.ExecContext(ctx, "DELETE FROM pending WHERE seq = ?", seq)
	return err
}
