package sqlitestore

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"slices"

	"github.com/eventmetrics/eventmetrics/metrics"
)

// SQLite does not notice a damaged bit in a row. So the row of a batch has a
// proof: sums of all that belongs to the batch in other tables, and at its end a
// checksum of the row with the proof. The sums are of another polynomial than
// those at the end of blocks and contributions: a sum of bytes that end with
// their own sum is the same for all of them.

// optionalSum is a checksum that may be missing: rows that an earlier release has
// written have fewer, and what is not there has none.
type optionalSum struct {
	sum  uint32
	kept bool
}

func (o *optionalSum) add(parts ...[]byte) {
	o.kept = true
	for _, p := range parts {
		o.sum = crc32.Update(binaryLength(o.sum, p), crc32.IEEETable, p)
	}
}

// binaryLength adds the length of a part to a sum, so that the bounds of parts
// count.
func binaryLength(sum uint32, p []byte) uint32 {
	return crc32.Update(sum, crc32.IEEETable, binary.LittleEndian.AppendUint64(nil, uint64(len(p))))
}

// addBlock adds a block, by its length and the checksum at its end.
func (o *optionalSum) addBlock(block []byte) {
	size := binary.LittleEndian.AppendUint64(nil, uint64(len(block)))
	o.add(size, block[max(0, len(block)-4):])
}

// check compares a sum with the one that is kept, if one is. Errors:
// metrics.ErrCorrupt.
func (o *optionalSum) check(got optionalSum, what string) error {
	if o.kept && o.sum != got.sum {
		return fmt.Errorf("%w: %s is not what was written", metrics.ErrCorrupt, what)
	}
	return nil
}

// proof has the sums of what belongs to a batch.
type proof struct {
	blocks   optionalSum // of all blocks, see addBlock
	pending  optionalSum // of its row in pending
	entry    optionalSum // of its rows in ledger and ledger_groups
	attached map[string]attached
}

// attached are the chunks of an attachment: the number of the first one, and the
// sum of each.
type attached struct {
	first int64
	sums  []uint32
}

// seal returns the encoding of the proof of a row, with the checksum of both.
func (p *proof) seal(row []byte) []byte {
	var flags byte
	var b []byte
	for i, o := range []optionalSum{p.blocks, p.pending, p.entry} {
		if o.kept {
			flags |= 1 << i
			b = binary.LittleEndian.AppendUint32(b, o.sum)
		}
	}
	b = append([]byte{flags}, b...)
	for _, name := range slices.Sorted(maps.Keys(p.attached)) {
		a := p.attached[name]
		b = append(binary.AppendUvarint(b, uint64(len(name))), name...)
		b = binary.AppendUvarint(binary.AppendVarint(b, a.first), uint64(len(a.sums)))
		for _, sum := range a.sums {
			b = binary.LittleEndian.AppendUint32(b, sum)
		}
	}
	return binary.LittleEndian.AppendUint32(b, rowSum(row, b))
}

func rowSum(row, proof []byte) uint32 {
	return crc32.Update(crc32.ChecksumIEEE(row), crc32.IEEETable, proof)
}

// open decodes the proof of a row. Errors: metrics.ErrCorrupt when the row or the
// proof is damaged.
func (p *proof) open(b, row []byte) error {
	end := len(b) - 4
	if end < 1 || rowSum(row, b[:end]) != binary.LittleEndian.Uint32(b[end:]) {
		return fmt.Errorf("%w: the row of the batch is damaged", metrics.ErrCorrupt)
	}
	r := proofReader{b: b[1:end]}
	for i, o := range []*optionalSum{&p.blocks, &p.pending, &p.entry} {
		if *o = (optionalSum{}); b[0]&(1<<i) != 0 {
			*o = optionalSum{r.uint32(), true}
		}
	}
	p.attached = map[string]attached{}
	for len(r.b) > 0 {
		name := string(r.bytes(r.uvarint()))
		a := attached{first: r.varint()}
		for range r.uvarint() {
			if len(r.b) == 0 {
				break
			}
			a.sums = append(a.sums, r.uint32())
		}
		p.attached[name] = a
	}
	return r.err
}

// proofReader reads from b until an error, then reads zeros.
type proofReader struct {
	b   []byte
	err error
}

func (r *proofReader) take(n int) []byte {
	if n < 0 || n > len(r.b) || n == 0 && len(r.b) == 0 {
		r.b, r.err = nil, fmt.Errorf("%w: the proof of the batch ends too early", metrics.ErrCorrupt)
		return nil
	}
	p := r.b[:n]
	r.b = r.b[n:]
	return p
}

func (r *proofReader) bytes(n uint64) []byte { return r.take(int(min(n, 1<<30))) }

func (r *proofReader) uint32() uint32 {
	p := r.take(4)
	if p == nil {
		return 0
	}
	return binary.LittleEndian.Uint32(p)
}

func (r *proofReader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	r.take(n)
	return v
}

func (r *proofReader) varint() int64 {
	v, n := binary.Varint(r.b)
	r.take(n)
	return v
}

// bytes returns the columns of a row, but for the proof.
func (r *batchRow) bytes() []byte {
	var b []byte
	for _, text := range []string{
		r.ID, r.FileName, r.SHA256, string(r.Status), r.LastError, r.IdempotencyKey, r.RepairOf, r.Erasure,
	} {
		b = append(binary.AppendUvarint(b, uint64(len(text))), text...)
	}
	purged, recorded := int64(0), int64(0)
	if r.EventsPurged {
		purged = 1
	}
	if r.recorded.Valid {
		recorded = 1
	}
	for _, n := range []int64{
		r.seq, r.AcceptedRows, r.RejectedRows, r.DuplicateRows, r.blocks, r.KeyExpires.UnixMilli(), r.Created.UnixMilli(),
		r.Updated.UnixMilli(), purged, recorded, r.recorded.Int64, r.source, r.Erased,
	} {
		b = binary.AppendVarint(b, n)
	}
	return b
}

// archivedBytes returns the columns of the row of an archived batch.
func archivedBytes(seq int64, id string, recorded sql.NullInt64) []byte {
	b := batchRow{seq: seq, recorded: recorded}
	b.ID = id
	return b.bytes()
}

// save writes the columns of a batch that can change.
func (r *batchRow) save(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, `UPDATE batches SET file_name = ?, idem_key = ?, key_expires = ?, status = ?, last_error = ?, updated = ?, purged = ?,
		blocks = ?, recorded = ?, source = ?, erased = ?, erasure = ?, proof = ? WHERE seq = ?`,
		r.FileName, orNull(r.IdempotencyKey), r.KeyExpires.UnixMilli(), string(r.Status), r.LastError, r.Updated.UnixMilli(), r.EventsPurged,
		r.blocks, r.recorded, r.source, r.Erased, r.Erasure, r.proof.seal(r.bytes()), r.seq)
	return err
}

// orNull is the column of a text that is null if it is empty.
func orNull(s string) sql.NullString { return sql.NullString{String: s, Valid: s != ""} }

// isDamaged reports whether an error means that what was stored is damaged.
func isDamaged(err error) bool { return errors.Is(err, metrics.ErrCorrupt) }
