package columnar

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/eventmetrics/eventmetrics/metrics"
)

// maxValues is the greatest number of fields of all rows of a block: a Buffer
// is full long before, unless a single row has that many.
const maxValues = 1 << 22

// Decoder reads the blocks of one batch in order. The zero Decoder is ready to
// use. It is not safe for concurrent use.
type Decoder struct {
	dicts map[columnKey]*columnDecoder

	rows, seconds, nanos, shapeOf []uint64
	ids, types                    []string
	columns                       []column
	next                          []int // of each column: the first value not used yet
	shapes                        [][]int32
	at                            int
	fields                        []metrics.Field
	values, codes                 []uint64
}

// Decode reads a block, whose bytes it does not keep. Errors: ErrCorrupt;
// after one the Decoder is of no more use.
func (d *Decoder) Decode(block []byte) error {
	n := len(block) - 4
	if n < 0 || crc32.Checksum(block[:n], castagnoli) != binary.LittleEndian.Uint32(block[n:]) {
		d.rows, d.at = nil, 0
		return (&reader{}).failed("checksum")
	}
	return d.decode(block[:n])
}

func (r *reader) failed(what string) error {
	r.fail(what)
	return r.err
}

func (d *Decoder) decode(block []byte) error {
	r := &reader{b: block}
	d.at = 0
	if r.byte() != version {
		r.fail("version")
	}
	if flags := r.byte(); flags&flagReset != 0 || d.dicts == nil {
		d.dicts = map[columnKey]*columnDecoder{}
	}
	d.resize(r.count(maxRows, "number of rows"))
	r.ints(d.rows)
	d.readTimes(r)
	d.readShapes(r)
	d.readColumns(r)
	if r.err == nil && len(r.b) > 0 {
		r.fail("goes on")
	}
	if r.err != nil {
		d.rows = nil
	}
	return r.err
}

func (d *Decoder) resize(n int) {
	if cap(d.rows) < n || d.values == nil {
		d.rows, d.seconds, d.nanos, d.shapeOf = make([]uint64, n), make([]uint64, n), make([]uint64, n), make([]uint64, n)
		d.values, d.codes = make([]uint64, maxRows), make([]uint64, maxRows)
	}
	d.rows, d.seconds, d.nanos, d.shapeOf = d.rows[:n], d.seconds[:n], d.nanos[:n], d.shapeOf[:n]
}

func (d *Decoder) readShapes(r *reader) {
	d.columns, d.next, d.shapes = d.columns[:0], d.next[:0], d.shapes[:0]
	seen := map[string]int{}
	for range r.count(len(r.b), "number of columns") {
		name := r.text()
		d.columns = append(d.columns, column{key: columnKey{name, seen[name], true}})
		seen[name]++
	}
	for range r.count(len(r.b), "number of shapes") {
		shape := make([]int32, r.count(len(r.b), "length of a shape"))
		for i := range shape {
			shape[i] = int32(r.count(len(d.columns)-1, "column of a shape"))
		}
		d.shapes = append(d.shapes, shape)
	}
	r.ints(d.shapeOf)
	for _, s := range d.shapeOf {
		if s >= uint64(len(d.shapes)) {
			r.fail("shape of a row")
			return
		}
	}
}

// readColumns reads ids, types and fields. A field has a value in each row
// whose shape has it.
func (d *Decoder) readColumns(r *reader) {
	if r.err != nil {
		return
	}
	uses := make([]int, len(d.shapes))
	for _, s := range d.shapeOf {
		uses[s]++
	}
	counts := make([]int, len(d.columns))
	for s, n := range uses {
		for _, c := range d.shapes[s] {
			counts[c] += n
		}
	}
	d.ids = d.readColumn(r, columnKey{name: "id"}, len(d.rows))
	d.types = d.readColumn(r, columnKey{name: "type"}, len(d.rows))
	sum := 0
	for i, n := range counts {
		if sum += n; sum > maxValues {
			r.fail("number of values")
			return
		}
		d.columns[i].values = d.readColumn(r, d.columns[i].key, n)
		d.next = append(d.next, 0)
	}
}

func (d *Decoder) readColumn(r *reader, key columnKey, n int) []string {
	if r.err != nil || n == 0 {
		return nil
	}
	if n > maxRows {
		r.fail("a column twice in a row")
		return nil
	}
	c := d.dicts[key]
	if c == nil {
		c = &columnDecoder{}
		d.dicts[key] = c
	}
	return c.decode(r, n, d)
}

// Next sets e to the next row of the block and reports whether there was one.
// The Fields are valid until the next call; the strings can be kept.
func (d *Decoder) Next(e *metrics.Event) bool {
	if d.at >= len(d.rows) {
		return false
	}
	i := d.at
	d.at++
	e.Row, e.ID, e.Type, e.Time = int64(d.rows[i]), d.ids[i], d.types[i], d.time(i)
	d.fields = d.fields[:0]
	for _, at := range d.shapes[d.shapeOf[i]] {
		c := &d.columns[at]
		d.fields = append(d.fields, metrics.Field{Name: c.key.name, Value: c.values[d.next[at]]})
		d.next[at]++
	}
	e.Fields = d.fields
	return true
}
