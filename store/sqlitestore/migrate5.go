package sqlitestore

import (
	"context"
	"database/sql"
	"encoding/binary"
	"hash/crc32"
)

// addProofs migrates a file of version 4 to 5: the rows of batches, archived
// batches and leaves of fingerprints have sums. It reads all attachments and
// leaves. Fingerprints can have further owners. What was written before has no sums of its blocks and ledger entry.
func addProofs(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, `
ALTER TABLE batches ADD COLUMN proof BLOB NOT NULL DEFAULT x'';
ALTER TABLE archived ADD COLUMN proof BLOB NOT NULL DEFAULT x'';
ALTER TABLE fingerprints ADD COLUMN sum INTEGER NOT NULL DEFAULT 0;
CREATE UNIQUE INDEX batches_by_source ON batches(source);
CREATE TABLE owners (
	seq INTEGER NOT NULL,
	fp  BLOB NOT NULL,
	sum INTEGER NOT NULL,
	PRIMARY KEY (fp, seq)
) WITHOUT ROWID;
CREATE INDEX owners_by_batch ON owners(seq);`)
	for _, f := range []func(context.Context, *sql.Tx, int64) (int64, error){addProof5, addArchivedProof5, addLeafSum5} {
		for after := int64(0); err == nil && after >= 0; {
			after, err = f(ctx, tx, after)
		}
	}
	return err
}

// addProof5 adds the proof of the first batch after a number, and returns its
// number, or -1.
func addProof5(ctx context.Context, tx *sql.Tx, after int64) (int64, error) {
	var texts [8]string
	var n [13]int64
	text := []any{&texts[0], &texts[1], &texts[2], &texts[3], &texts[4], &texts[5], &texts[6], &texts[7]}
	for i := range n {
		text = append(text, &n[i])
	}
	err := tx.QueryRowContext(ctx, `SELECT id, file_name, sha256, status, last_error, coalesce(idem_key, ''), coalesce(repair_of, ''), erasure,
		seq, accepted, rejected, duplicates, blocks, key_expires, created, updated, purged, recorded IS NOT NULL, coalesce(recorded, 0), source, erased
		FROM batches WHERE seq > ? ORDER BY seq LIMIT 1`, after).Scan(text...)
	if isNoRows(err) {
		return -1, nil
	}
	if err != nil {
		return 0, err
	}
	var row []byte
	for _, t := range texts {
		row = append(binary.AppendUvarint(row, uint64(len(t))), t...)
	}
	for _, v := range n {
		row = binary.AppendVarint(row, v)
	}
	seq := n[0]
	chunks, err := attached5(ctx, tx, seq)
	if err != nil {
		return 0, err
	}
	_, err = tx.ExecContext(ctx, "UPDATE batches SET proof = ? WHERE seq = ?", seal5(row, append([]byte{0}, chunks...)), seq)
	return seq, err
}

// seal5 adds the checksum of a row and its proof to the proof.
func seal5(row, proof []byte) []byte {
	return binary.LittleEndian.AppendUint32(proof, crc32.Update(crc32.ChecksumIEEE(row), crc32.IEEETable, proof))
}

// attached5 returns the encoding of the chunks of all attachments of a batch.
func attached5(ctx context.Context, tx *sql.Tx, seq int64) ([]byte, error) {
	rows, err := tx.QueryContext(ctx, "SELECT name, no, data FROM attachments WHERE seq = ? AND instr(CAST(name AS BLOB), x'00') = 0 ORDER BY name, no", seq)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // Err tells
	var b, sums []byte
	var last string
	first, count := int64(0), 0
	end := func() {
		if count > 0 {
			b = append(binary.AppendUvarint(b, uint64(len(last))), last...)
			b = binary.AppendUvarint(binary.AppendVarint(b, first), uint64(count))
			b = append(b, sums...)
		}
	}
	for rows.Next() {
		var name string
		var no int64
		var data sql.RawBytes
		if err := rows.Scan(&name, &no, &data); err != nil {
			return nil, err
		}
		if name != last || count == 0 {
			end()
			last, first, count, sums = name, no, 0, nil
		}
		sums = binary.LittleEndian.AppendUint32(sums, crc32.ChecksumIEEE(data))
		count++
	}
	end()
	return b, rows.Err()
}

// addArchivedProof5 adds the proof of the first archived batch after a number,
// and returns its number, or -1.
func addArchivedProof5(ctx context.Context, tx *sql.Tx, after int64) (int64, error) {
	var seq, recorded int64
	var known bool
	var id string
	err := tx.QueryRowContext(ctx, "SELECT seq, id, recorded IS NOT NULL, coalesce(recorded, 0) FROM archived WHERE seq > ? ORDER BY seq LIMIT 1", after).
		Scan(&seq, &id, &known, &recorded)
	if isNoRows(err) {
		return -1, nil
	}
	if err != nil {
		return 0, err
	}
	row := append(binary.AppendUvarint(nil, uint64(len(id))), id...)
	row = append(row, make([]byte, 7)...) // the lengths of the other texts
	const noTime = -62135596800000        // milliseconds of the zero time
	flag := int64(0)
	if known {
		flag = 1
	}
	for _, v := range []int64{seq, 0, 0, 0, 0, noTime, noTime, noTime, 0, flag, recorded, 0, 0} {
		row = binary.AppendVarint(row, v)
	}
	_, err = tx.ExecContext(ctx, "UPDATE archived SET proof = ? WHERE seq = ?", seal5(row, []byte{0}), seq)
	return seq, err
}

// addLeafSum5 adds the sum of the first leaf after a number, and returns its
// number, or -1.
func addLeafSum5(ctx context.Context, tx *sql.Tx, after int64) (int64, error) {
	var id int64
	var level byte
	var data []byte
	err := tx.QueryRowContext(ctx, "SELECT id, level, data FROM fingerprints WHERE id > ? ORDER BY id LIMIT 1", after).Scan(&id, &level, &data)
	if isNoRows(err) {
		return -1, nil
	}
	if err != nil {
		return 0, err
	}
	sum := crc32.Update(crc32.ChecksumIEEE([]byte{level}), crc32.IEEETable, data)
	_, err = tx.ExecContext(ctx, "UPDATE fingerprints SET sum = ? WHERE id = ?", int64(sum), id)
	return id, err
}
