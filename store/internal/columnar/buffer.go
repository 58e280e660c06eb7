package columnar

import (
	"encoding/binary"
	"strings"

	"github.com/eventmetrics/eventmetrics/metrics"
)

const (
	// maxRows is the greatest number of rows in a block.
	maxRows = 1 << 14
	// fullSize is the size at which a Buffer is full: the bytes of its strings
	// and valueSize for each.
	fullSize  = 4 << 20
	valueSize = 16
	// maxKept is the number of columns or shapes above which a Buffer drops
	// them with its rows.
	maxKept = 64
)

// Buffer collects the rows of a block. It is not safe for concurrent use.
type Buffer struct {
	rows, seconds []uint64
	nanos         []uint64
	ids, types    []string
	shapeOf       []uint64
	columns       []column
	shapes        [][]int32 // the columns of each shape, in order
	columnIndex   map[columnKey]int32
	shapeIndex    map[string]uint64
	last          int // shape of the last row
	size          int
}

// columnKey names a column: a row may have the same name more than once.
type columnKey struct {
	name  string
	nth   int
	field bool // false for the ids and the types
}

type column struct {
	key    columnKey
	values []string
}

// NewBuffer returns an empty Buffer.
func NewBuffer() *Buffer {
	b := &Buffer{}
	b.dropColumns()
	return b
}

func (b *Buffer) dropColumns() {
	b.columns, b.shapes, b.last = nil, nil, 0
	b.columnIndex, b.shapeIndex = map[columnKey]int32{}, map[string]uint64{}
}

// Len returns the number of rows.
func (b *Buffer) Len() int { return len(b.rows) }

// Full reports whether it is time to encode the Buffer and Reset it.
func (b *Buffer) Full() bool { return len(b.rows) >= maxRows || b.size >= fullSize }

// Reset removes the rows and lets go of their strings.
func (b *Buffer) Reset() {
	clear(b.ids)
	clear(b.types)
	b.rows, b.seconds, b.nanos = b.rows[:0], b.seconds[:0], b.nanos[:0]
	b.ids, b.types, b.shapeOf = b.ids[:0], b.types[:0], b.shapeOf[:0]
	for i := range b.columns {
		clear(b.columns[i].values)
		b.columns[i].values = b.columns[i].values[:0]
	}
	b.size = 0
	if len(b.columns) > maxKept || len(b.shapes) > maxKept {
		b.dropColumns()
	}
}

// Append adds a row. It keeps the strings of e until Reset, but not its
// Fields. The Buffer must not be full.
func (b *Buffer) Append(e *metrics.Event) {
	shape := b.last
	if !b.fits(shape, e.Fields) {
		shape = b.shape(e.Fields)
		b.last = shape
	}
	b.rows = append(b.rows, uint64(e.Row))
	b.seconds = append(b.seconds, uint64(e.Time.Unix()))
	b.nanos = append(b.nanos, uint64(e.Time.Nanosecond()))
	b.ids = append(b.ids, e.ID)
	b.types = append(b.types, e.Type)
	b.shapeOf = append(b.shapeOf, uint64(shape))
	size := len(e.ID) + len(e.Type) + 2*valueSize
	for i, at := range b.shapes[shape] {
		c := &b.columns[at]
		c.values = append(c.values, e.Fields[i].Value)
		size += len(e.Fields[i].Value) + valueSize
	}
	b.size += size
}

func (b *Buffer) fits(shape int, fields []metrics.Field) bool {
	if shape >= len(b.shapes) || len(b.shapes[shape]) != len(fields) {
		return false
	}
	for i, at := range b.shapes[shape] {
		if b.columns[at].key.name != fields[i].Name {
			return false
		}
	}
	return true
}

// shape finds or makes the shape of a row with these fields.
func (b *Buffer) shape(fields []metrics.Field) int {
	columns := make([]int32, len(fields))
	key := make([]byte, 0, 4*len(fields))
	seen := map[string]int{}
	for i := range fields {
		name := fields[i].Name
		columns[i] = b.column(columnKey{name, seen[name], true})
		seen[name]++
		key = binary.AppendUvarint(key, uint64(columns[i]))
	}
	shape, ok := b.shapeIndex[string(key)]
	if !ok {
		shape = uint64(len(b.shapes))
		b.shapes = append(b.shapes, columns)
		b.shapeIndex[string(key)] = shape
		b.size += len(key)
	}
	return int(shape)
}

func (b *Buffer) column(key columnKey) int32 {
	if i, ok := b.columnIndex[key]; ok {
		return i
	}
	key.name = strings.Clone(key.name)
	i := int32(len(b.columns))
	b.columns = append(b.columns, column{key: key})
	b.columnIndex[key] = i
	b.size += len(key.name)
	return i
}
