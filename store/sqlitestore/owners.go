package sqlitestore

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"sort"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

// AddOwner implements [store.Deduper].
func (s *Store) AddOwner(ctx context.Context, id string, fp store.Fingerprint) error {
	err := s.update(ctx, unsynced, func(tx *sql.Tx) error {
		seq, err := s.claiming(ctx, tx, id)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "INSERT OR REPLACE INTO owners(seq, fp, sum) VALUES(?, ?, ?)", seq, fp[:], ownerSum(fp[:], seq))
		return err
	})
	return wrap(ctx, err, "add batch %q as an owner", id)
}

func ownerSum(fp []byte, seq int64) uint32 {
	return crc32.ChecksumIEEE(binary.LittleEndian.AppendUint64(bytes.Clone(fp), uint64(seq)))
}

// eachOwner calls use with further owners of fingerprints, ascending: all, or
// those that a condition on fp with arguments selects. Errors: metrics.ErrCorrupt.
func eachOwner(ctx context.Context, tx *sql.Tx, use func(fp []byte, seq int64) error, where string, args ...any) error {
	rows, err := tx.QueryContext(ctx, "SELECT fp, seq, sum FROM owners "+where+" ORDER BY fp, seq", args...)
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // Err tells
	for rows.Next() {
		var fp sql.RawBytes
		var seq int64
		var sum uint32
		if err := rows.Scan(&fp, &seq, &sum); err != nil {
			return err
		}
		if sum != ownerSum(fp, seq) {
			return fmt.Errorf("%w: a further owner of a fingerprint", metrics.ErrCorrupt)
		}
		if err := use(fp, seq); err != nil {
			return err
		}
	}
	return rows.Err()
}

// addOwners sets the owners of fingerprints that have none, if further batches
// have them. The fingerprints must ascend. It reads all further owners between
// the first and the last of them, which are few: only files that are uploaded
// again on purpose have any.
func (l *levels) addOwners(ctx context.Context, sorted []store.Fingerprint, owners []string) error {
	if len(sorted) == 0 {
		return nil
	}
	add := func(fp []byte, seq int64) error {
		i := sort.Search(len(sorted), func(i int) bool { return bytes.Compare(sorted[i][:], fp) >= 0 })
		if i == len(sorted) || !bytes.Equal(sorted[i][:], fp) || owners[i] != "" {
			return nil
		}
		id, err := visible(ctx, l, seq)
		owners[i] = id
		return err
	}
	return eachOwner(ctx, l.tx, add, "WHERE fp BETWEEN ? AND ?", sorted[0][:], sorted[len(sorted)-1][:])
}
