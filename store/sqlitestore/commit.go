package sqlitestore

import (
	"context"
	"database/sql"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

// Commit implements [store.Writer]. It may be called again after an error.
func (w *writer) Commit(ctx context.Context, b store.Batch, pending metrics.Contribution) (store.Batch, error) {
	if w.result != nil {
		return *w.result, nil
	}
	if err := w.ready(ctx); err != nil {
		return store.Batch{}, err
	}
	if err := w.fail(w.join()); err != nil {
		return store.Batch{}, err
	}
	if w.buffer.Len() > 0 {
		w.blocks.encode(w.buffer)
		w.buffer.Reset()
	}
	row := w.row(b)
	err := w.st.add(ctx, synced, func(tx *sql.Tx) error { return w.commit(ctx, tx, &row, pending) })
	if err != nil {
		return store.Batch{}, wrap(ctx, err, "commit batch %q", w.id)
	}
	w.result = &row.Batch
	w.st.heart.Remove(w.seq)
	return row.Batch, nil
}

// row returns the row that Commit stores for b.
func (w *writer) row(b store.Batch) batchRow {
	cut := func(t time.Time) time.Time { return fromMillis(t.UnixMilli()) }
	return batchRow{
		seq:    w.seq,
		source: w.seq,
		blocks: w.blocks.n + int64(len(w.blocks.ends)),
		Batch: store.Batch{
			ID: w.id, FileName: b.FileName, SHA256: b.SHA256, AcceptedRows: w.events, RejectedRows: b.RejectedRows,
			DuplicateRows: b.DuplicateRows, Status: store.Uploaded, IdempotencyKey: b.IdempotencyKey,
			KeyExpires: cut(b.KeyExpires), RepairOf: b.RepairOf, Created: cut(b.Created), Updated: cut(w.st.now()),
		},
	}
}

func (w *writer) commit(ctx context.Context, tx *sql.Tx, row *batchRow, pending metrics.Contribution) error {
	there, err := readBatch(ctx, tx, w.id)
	if err == nil && there.seq == w.seq { // an earlier Commit had an error and yet happened
		row.Batch = there.Batch
		return nil
	}
	if err := w.hold(ctx, tx); err != nil {
		return err
	}
	if err := reserveKey(ctx, tx, row); err != nil {
		return err
	}
	if err := w.blocks.insert(ctx, tx, w.seq); err != nil {
		return err
	}
	if err := w.chunks.insertAll(ctx, tx, w.seq); err != nil {
		return err
	}
	row.proof = proof{blocks: w.blocks.sum, attached: w.chunks.attached()}
	if err := insertPending(ctx, tx, row, pending); err != nil {
		return err
	}
	if err := insertBatch(ctx, tx, row); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "DELETE FROM unfinished WHERE seq = ?", w.seq)
	return err
}

func insertBatch(ctx context.Context, tx *sql.Tx, b *batchRow) error {
	_, err := tx.ExecContext(ctx, "INSERT INTO batches("+rowColumns+") VALUES("+marks(21)+")",
		b.ID, b.FileName, b.SHA256, b.AcceptedRows, b.RejectedRows, b.DuplicateRows, string(b.Status), b.LastError, orNull(b.IdempotencyKey),
		b.KeyExpires.UnixMilli(), orNull(b.RepairOf), b.Created.UnixMilli(), b.Updated.UnixMilli(), b.EventsPurged,
		b.Erased, b.Erasure, b.seq, b.blocks, b.recorded, b.source, b.proof.seal(b.bytes()))
	return err
}

// Abort implements [store.Writer].
func (w *writer) Abort(ctx context.Context) error {
	w.st.heart.Remove(w.seq)
	if w.ended || w.result != nil {
		w.ended = true
		return nil
	}
	w.ended = true
	_ = w.join() // of no more interest
	w.buffer, w.blocks = nil, nil
	return wrap(ctx, w.st.giveBack(ctx, leftover{w.seq, w.id}), "abort batch %q", w.id)
}
