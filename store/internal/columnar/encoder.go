package columnar

import (
	"encoding/binary"
	"hash/crc32"
)

const (
	version = 1
	// flagReset in the second byte says that all earlier dictionaries are
	// dropped.
	flagReset = 1
	// dictMemory is the size of all dictionaries of an Encoder, in bytes.
	dictMemory = 20 << 20
	// maxEncoders is the number of columns above which an Encoder starts again.
	maxEncoders = 1024
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Encoder turns Buffers into blocks. It is not safe for concurrent use.
type Encoder struct {
	columns map[columnKey]*columnEncoder
	budget  budget
	// For the values of one column.
	values  []uint64
	codes   []uint64
	scratch []uint64
}

// NewEncoder returns an Encoder for the blocks of one batch.
func NewEncoder() *Encoder { return &Encoder{} }

// Encode appends the block of the rows of b to dst. It does not change b.
func (e *Encoder) Encode(dst []byte, b *Buffer) []byte {
	e.reserve(b.Len())
	start := len(dst)
	var flags byte
	if e.columns == nil || len(e.columns) > maxEncoders {
		e.columns, e.budget = map[columnKey]*columnEncoder{}, budget{dictMemory}
		flags = flagReset
	}
	dst = append(dst, version, flags)
	dst = binary.AppendUvarint(dst, uint64(b.Len()))
	dst = appendPlanned(dst, b.rows, e)
	dst = e.appendTimes(dst, b)
	dst = e.appendShapes(dst, b)
	dst = e.column(columnKey{name: "id"}).encode(dst, b.ids, e)
	dst = e.column(columnKey{name: "type"}).encode(dst, b.types, e)
	for i := range b.columns {
		dst = e.column(b.columns[i].key).encode(dst, b.columns[i].values, e)
	}
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
}

// reserve makes room for the values of n rows: most batches have few.
func (e *Encoder) reserve(n int) {
	if len(e.values) < n {
		e.values, e.codes, e.scratch = make([]uint64, n), make([]uint64, n), make([]uint64, n)
	}
}

func (e *Encoder) column(key columnKey) *columnEncoder {
	c := e.columns[key]
	if c == nil {
		c = &columnEncoder{}
		e.columns[key] = c
	}
	return c
}

// lengths returns the lengths of values and their sum.
func (e *Encoder) lengths(values []string) (lengths []uint64, sum int) {
	lengths = e.values[:len(values)]
	for i, s := range values {
		lengths[i] = uint64(len(s))
		sum += len(s)
	}
	return lengths, sum
}

// appendShapes appends names, shapes, and the shape of each row.
func (e *Encoder) appendShapes(dst []byte, b *Buffer) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(b.columns)))
	for i := range b.columns {
		dst = appendText(dst, b.columns[i].key.name)
	}
	dst = binary.AppendUvarint(dst, uint64(len(b.shapes)))
	for _, columns := range b.shapes {
		dst = binary.AppendUvarint(dst, uint64(len(columns)))
		for _, c := range columns {
			dst = binary.AppendUvarint(dst, uint64(c))
		}
	}
	return appendPlanned(dst, b.shapeOf, e)
}
