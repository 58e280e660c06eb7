package sqlitestore

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"hash/crc32"
	"iter"
)

// ReplaceAttachment implements [store.Retainer]. The content is written under a
// temporary name in short transactions; the last one gives it its own name. Its
// chunks are numbered after the old ones, with a gap, so that a reader notices
// the change.
func (s *Store) ReplaceAttachment(ctx context.Context, id, name string, content iter.Seq2[[]byte, error]) error {
	st := staged{s: s, id: id, name: name + "\x00" + rand.Text()}
	defer s.stage(st.name)()
	err := st.fill(ctx, content)
	if err == nil {
		err = s.update(ctx, synced, func(tx *sql.Tx) error { return st.swap(ctx, tx, name) })
	}
	if err != nil {
		st.drop(context.WithoutCancel(ctx))
		return wrap(ctx, err, "replace attachment %q of batch %q", name, id)
	}
	return nil
}

// staged is content under a temporary name.
type staged struct {
	s        *Store
	id, name string
	no       int64 // chunks stored
	data     []byte
	sums     []uint32 // of the chunks stored
}

func (st *staged) fill(ctx context.Context, content iter.Seq2[[]byte, error]) error {
	for chunk, err := range content {
		if err != nil {
			return err
		}
		for len(chunk) > 0 {
			n := min(len(chunk), chunkSize-len(st.data))
			st.data, chunk = append(st.data, chunk[:n]...), chunk[n:]
			if len(st.data) < chunkSize {
				continue
			}
			if err := st.s.update(ctx, unsynced, func(tx *sql.Tx) error { return st.store(ctx, tx) }); err != nil {
				return err
			}
		}
	}
	return nil
}

// store stores the chunk at hand, for a batch that is still there.
func (st *staged) store(ctx context.Context, tx *sql.Tx) error {
	b, err := readBatch(ctx, tx, st.id)
	if err != nil || len(st.data) == 0 {
		return err
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO attachments(seq, name, no, data) VALUES(?, ?, ?, ?)", b.seq, st.name, st.no, st.data)
	if err == nil {
		st.sums = append(st.sums, crc32.ChecksumIEEE(st.data))
		st.no++
		st.data = st.data[:0]
	}
	return err
}

func (st *staged) swap(ctx context.Context, tx *sql.Tx, name string) error {
	if err := st.store(ctx, tx); err != nil {
		return err
	}
	b, err := readBatch(ctx, tx, st.id)
	if err != nil {
		return err
	}
	var last int64
	err = tx.QueryRowContext(ctx, "SELECT coalesce(max(no), -2) FROM attachments WHERE seq = ? AND name = ?", b.seq, name).Scan(&last)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM attachments WHERE seq = ? AND name = ?", b.seq, name); err != nil {
		return err
	}
	r, err := tx.ExecContext(ctx, "UPDATE attachments SET name = ?, no = no + ? WHERE seq = ? AND name = ?", name, last+2, b.seq, st.name)
	if err != nil {
		return err
	}
	if n, err := r.RowsAffected(); err != nil || n != st.no {
		return errors.Join(err, errDropped)
	}
	if delete(b.proof.attached, name); len(st.sums) > 0 {
		b.proof.attached[name] = attached{last + 2, st.sums}
	}
	return b.save(ctx, tx)
}

// drop removes content that is not used. If it fails, the content is removed
// with the batch.
func (st *staged) drop(ctx context.Context) {
	err := st.s.update(ctx, unsynced, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM attachments WHERE seq = (SELECT seq FROM batches WHERE id = ?) AND name = ?", st.id, st.name)
		return err
	})
	if err != nil {
		st.s.log.Warn("left a staged attachment with its batch", "batch", st.id, "err", err)
	}
}
