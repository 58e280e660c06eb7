package sqlitestore

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

// The own key of a batch is in its row, further keys are in the table keys. A key
// is in that table once, so that the batch that takes an expired one replaces it.

// keyRow is a row of keys.
type keyRow struct {
	key          string
	seq, expires int64
	sum          uint32
}

const keyColumns = "key, seq, expires, sum"

func (k *keyRow) wanted() uint32 {
	b := binary.LittleEndian.AppendUint64([]byte(k.key), uint64(k.seq))
	return crc32.ChecksumIEEE(binary.LittleEndian.AppendUint64(b, uint64(k.expires)))
}

// scan reads a row. Errors: metrics.ErrCorrupt.
func (k *keyRow) scan(scan func(dest ...any) error) error {
	err := scan(&k.key, &k.seq, &k.expires, &k.sum)
	if err == nil && k.sum != k.wanted() {
		err = fmt.Errorf("%w: a further idempotency key of a batch", metrics.ErrCorrupt)
	}
	return err
}

// holderOf returns the batch that has a key at a time. Errors: store.ErrNotFound;
// metrics.ErrCorrupt.
func holderOf(ctx context.Context, q querier, key string, at time.Time) (batchRow, error) {
	var k keyRow
	err := k.scan(q.QueryRowContext(ctx, "SELECT "+keyColumns+" FROM keys WHERE key = ?", key).Scan)
	where, args := "idem_key = ? AND key_expires > ?", []any{key, at.UnixMilli()}
	switch {
	case err == nil && k.expires > at.UnixMilli():
		where, args = "seq = ?", []any{k.seq}
	case err != nil && !isNoRows(err):
		return batchRow{}, err
	}
	r, err := scanRow(q.QueryRowContext(ctx, "SELECT "+rowColumns+" FROM batches WHERE "+where+" ORDER BY id DESC LIMIT 1", args...).Scan)
	switch {
	case isNoRows(err):
		err = store.ErrNotFound
	case err == nil && r.Damaged:
		err = errDamagedRow
	}
	return r, err
}

// BatchOfKey implements [store.Store].
func (s *Store) BatchOfKey(ctx context.Context, key string, at time.Time) (store.Batch, error) {
	var r batchRow
	err := s.view(ctx, func(tx *sql.Tx) (err error) {
		r, err = holderOf(ctx, tx, key, at)
		return err
	})
	if err != nil {
		return store.Batch{}, wrap(ctx, err, "find the batch of key %q", key)
	}
	return r.Batch, nil
}

// reserveKey makes the key of a new batch its own. Errors: store.ErrKeyTaken.
func reserveKey(ctx context.Context, tx *sql.Tx, r *batchRow) error {
	if r.IdempotencyKey == "" {
		return nil
	}
	_, err := holderOf(ctx, tx, r.IdempotencyKey, r.Created)
	switch {
	case err == nil:
		return store.ErrKeyTaken
	case !errors.Is(err, store.ErrNotFound):
		return err
	}
	_, err = tx.ExecContext(ctx, "DELETE FROM keys WHERE key = ?", r.IdempotencyKey) // expired
	return err
}

// TakeKey implements [store.Deduper].
func (s *Store) TakeKey(ctx context.Context, id, key string, expires, now time.Time) error {
	err := s.add(ctx, synced, func(tx *sql.Tx) error {
		b, err := readBatch(ctx, tx, id)
		if err != nil {
			return err
		}
		holder, err := holderOf(ctx, tx, key, now)
		switch {
		case err == nil && holder.seq == b.seq:
			return nil
		case err == nil:
			return store.ErrKeyTaken
		case !errors.Is(err, store.ErrNotFound):
			return err
		}
		k := keyRow{key: key, seq: b.seq, expires: expires.UnixMilli()}
		_, err = tx.ExecContext(ctx, "INSERT OR REPLACE INTO keys("+keyColumns+") VALUES(?, ?, ?, ?)", k.key, k.seq, k.expires, k.wanted())
		return err
	})
	return wrap(ctx, err, "take key %q for batch %q", key, id)
}

// Keys implements [store.Deduper].
func (s *Store) Keys(ctx context.Context, id string) (keys []string, _ error) {
	err := s.view(ctx, func(tx *sql.Tx) error {
		b, err := readBatch(ctx, tx, id)
		if err != nil {
			return err
		}
		if b.IdempotencyKey != "" {
			keys = append(keys, b.IdempotencyKey)
		}
		_, err = eachKey(ctx, tx, func(k *keyRow) { keys = append(keys, k.key) }, "WHERE seq = ?", b.seq)
		return err
	})
	if err != nil {
		return nil, wrap(ctx, err, "list keys of batch %q", id)
	}
	slices.Sort(keys)
	return slices.Compact(keys), nil
}

// eachKey calls use with the rows of keys that a clause selects, and returns the
// last key. Errors: metrics.ErrCorrupt.
func eachKey(ctx context.Context, tx *sql.Tx, use func(*keyRow), clause string, args ...any) (last string, _ error) {
	rows, err := tx.QueryContext(ctx, "SELECT "+keyColumns+" FROM keys "+clause, args...)
	if err != nil {
		return "", err
	}
	defer rows.Close() //nolint:errcheck // Err tells
	for rows.Next() {
		var k keyRow
		if err := k.scan(rows.Scan); err != nil {
			return "", err
		}
		last = k.key
		use(&k)
	}
	return last, rows.Err()
}

// freeKeys removes the further keys of a batch.
func freeKeys(ctx context.Context, tx *sql.Tx, seq int64) error {
	_, err := tx.ExecContext(ctx, "DELETE FROM keys WHERE seq = ?", seq)
	return err
}

// pruneKeys removes further keys that have expired before a time, some in each
// transaction.
func (s *Store) pruneKeys(ctx context.Context, before int64) error {
	for more := true; more; {
		err := s.update(ctx, unsynced, func(tx *sql.Tx) (err error) {
			more, err = changed(tx.ExecContext(ctx, "DELETE FROM keys WHERE key IN (SELECT key FROM keys WHERE expires < ? LIMIT 1000)", before))
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
