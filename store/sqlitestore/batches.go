package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

const batchColumns = "id, file_name, sha256, accepted, rejected, duplicates, status, last_error, idem_key, key_expires, repair_of, created, updated, purged, erased, erasure"

func scanBatch(scan func(dest ...any) error, more ...any) (store.Batch, error) {
	var b store.Batch
	var key, repairs sql.NullString
	var expires, created, updated int64
	dest := []any{
		&b.ID, &b.FileName, &b.SHA256, &b.AcceptedRows, &b.RejectedRows, &b.DuplicateRows, &b.Status, &b.LastError,
		&key, &expires, &repairs, &created, &updated, &b.EventsPurged,
		&b.Erased, &b.Erasure,
	}
	err := scan(append(dest, more...)...)
	b.IdempotencyKey, b.RepairOf = key.String, repairs.String
	b.KeyExpires, b.Created, b.Updated = fromMillis(expires), fromMillis(created), fromMillis(updated)
	return b, err
}

func fromMillis(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// querier is a handle or a transaction.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// batchRow is a batch with the columns that only the store needs.
type batchRow struct {
	store.Batch
	seq, blocks int64
	recorded    sql.NullInt64 // when its contribution was
	source      int64         // of its blocks
	proof       proof
}

const rowColumns = batchColumns + ", seq, blocks, recorded, source, proof"

// scanRow reads a row of rowColumns. If it is damaged, it sets Damaged.
func scanRow(scan func(dest ...any) error) (batchRow, error) {
	var r batchRow
	var text []byte
	b, err := scanBatch(scan, &r.seq, &r.blocks, &r.recorded, &r.source, &text)
	if err != nil {
		return r, err
	}
	r.Batch = b
	r.Damaged = r.proof.open(text, r.bytes()) != nil
	return r, nil
}

// readRow reads the row of a batch, also if it is damaged. Errors:
// store.ErrNotFound.
func readRow(ctx context.Context, q querier, id string) (batchRow, error) {
	r, err := scanRow(q.QueryRowContext(ctx, "SELECT "+rowColumns+" FROM batches WHERE id = ?", id).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		err = store.ErrNotFound
	}
	return r, err
}

var errDamagedRow = fmt.Errorf("%w: the description of the batch is damaged", metrics.ErrCorrupt)

// readBatch reads a batch. Errors: store.ErrNotFound, metrics.ErrCorrupt.
func readBatch(ctx context.Context, q querier, id string) (batchRow, error) {
	r, err := readRow(ctx, q, id)
	if err == nil && r.Damaged {
		err = errDamagedRow
	}
	return r, err
}

// Batch implements [store.Store].
func (s *Store) Batch(ctx context.Context, id string) (store.Batch, error) {
	r, err := readBatch(ctx, s.reader, id)
	if err != nil {
		return store.Batch{}, wrap(ctx, err, "read batch %q", id)
	}
	return r.Batch, nil
}

// Batches implements [store.Store].
func (s *Store) Batches(ctx context.Context, q store.BatchQuery) ([]store.Batch, error) {
	where, args := conditions(&q)
	args = append(args, q.Size())
	rows, err := s.reader.QueryContext(ctx, "SELECT "+rowColumns+" FROM batches"+where+" ORDER BY id DESC LIMIT ?", args...)
	if err != nil {
		return nil, wrap(ctx, err, "list batches")
	}
	defer rows.Close() //nolint:errcheck // Err tells
	var all []store.Batch
	for rows.Next() {
		r, err := scanRow(rows.Scan)
		if err != nil {
			return nil, wrap(ctx, err, "list batches")
		}
		all = append(all, r.Batch)
	}
	return all, wrap(ctx, rows.Err(), "list batches")
}

// CountBatches implements [store.Store]. It reads the index by status alone.
func (s *Store) CountBatches(ctx context.Context, limit int64) (map[store.Status]int64, error) {
	statuses := store.Statuses()
	columns, args := make([]string, len(statuses)), make([]any, 0, 2*len(statuses))
	for i, status := range statuses {
		columns[i] = "(SELECT count(*) FROM (SELECT 1 FROM batches WHERE status = ? LIMIT ?))"
		args = append(args, string(status), limit)
	}
	found, dest := make([]int64, len(statuses)), make([]any, len(statuses))
	for i := range found {
		dest[i] = &found[i]
	}
	if err := s.reader.QueryRowContext(ctx, "SELECT "+strings.Join(columns, ", "), args...).Scan(dest...); err != nil {
		return nil, wrap(ctx, err, "count batches")
	}
	counts := map[store.Status]int64{}
	for i, status := range statuses {
		counts[status] = found[i]
	}
	return counts, nil
}

func conditions(q *store.BatchQuery) (where string, args []any) {
	var all []string
	add := func(condition string, values ...any) {
		all = append(all, condition)
		args = append(args, values...)
	}
	if n := len(q.Statuses); n > 0 {
		add("status IN (" + marks(n) + ")")
		args = append(args, statusArgs(q.Statuses)...)
	}
	if q.RepairOf != "" {
		add("repair_of = ?", q.RepairOf)
	}
	if !q.UpdatedBefore.IsZero() {
		add("updated < ?", millisUp(q.UpdatedBefore))
	}
	if q.After != "" {
		add("id < ?", q.After)
	}
	if len(all) == 0 {
		return "", nil
	}
	return " WHERE " + strings.Join(all, " AND "), args
}

// millisUp rounds up, so that "earlier than" means the same for times that
// were cut to the millisecond.
func millisUp(t time.Time) int64 {
	return t.Add(time.Millisecond - 1).UnixMilli()
}

func statusArgs(statuses []store.Status) []any {
	args := make([]any, len(statuses))
	for i, s := range statuses {
		args[i] = string(s)
	}
	return args
}
