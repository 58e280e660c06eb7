package metrics

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// ErrCorrupt means that bytes are not what AppendBinary wrote.
var ErrCorrupt = errors.New("metrics: corrupt encoding")

// The first byte of an encoded contribution: whether it has totals only.
const (
	totalsVersion = 1
	groupsVersion = 2
)

// AppendBinary appends a compact encoding of the contribution: a version byte,
// then each DayCount with its day as a difference, its type, its counts by
// quarter hour as pairs of gap and count, and its sketch. Where there are
// groups, they and the types are written as what differs from the one before.
// Equal contributions encode to equal bytes. Missing Slots or Subjects stay
// missing.
func (c Contribution) AppendBinary(b []byte) ([]byte, error) {
	if slices.ContainsFunc(c, func(d DayCount) bool { return d.Group != "" }) {
		return c.appendGroups(b), nil
	}
	b = append(b, totalsVersion)
	b = binary.AppendUvarint(b, uint64(len(c)))
	var day Day
	for i := range c {
		b = binary.AppendVarint(b, int64(c[i].Day-day))
		day = c[i].Day
		b = c[i].appendBody(b)
	}
	return b, nil
}

func (d *DayCount) appendBody(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(d.Type)))
	b = append(b, d.Type...)
	return d.appendParts(b)
}

func (d *DayCount) appendParts(b []byte) []byte {
	b = binary.AppendVarint(b, d.Count)
	b = appendSized(b, d.appendSlots)
	return appendSized(b, d.appendSubjects)
}

// appendSized puts the length before what f appends, so that a reader can
// skip it.
func appendSized(b []byte, f func([]byte) []byte) []byte {
	start := len(b)
	b = f(b)
	size := len(b) - start
	var head [binary.MaxVarintLen64]byte
	n := binary.PutUvarint(head[:], uint64(size))
	b = append(b, head[:n]...)
	copy(b[start+n:], b[start:start+size])
	copy(b[start:], head[:n])
	return b
}

func (d *DayCount) appendSlots(b []byte) []byte {
	if d.Slots == nil {
		return b
	}
	next := 0
	for i, n := range d.Slots.Each() {
		b = binary.AppendUvarint(b, uint64(i-next))
		b = binary.AppendVarint(b, n)
		next = i + 1
	}
	return append(b, SlotsPerDay) // no gap is that wide: the end
}

func (d *DayCount) appendSubjects(b []byte) []byte {
	if d.Subjects == nil {
		return b
	}
	return d.Subjects.appendBinary(b)
}

// DecodeContribution reads what AppendBinary wrote and keeps the parts that q
// asks for. Errors: ErrCorrupt.
func DecodeContribution(b []byte, q Filter) (Contribution, error) {
	r := decoder{b: b}
	switch v := r.byte(); v {
	case totalsVersion:
	case groupsVersion:
		return r.groups(q)
	default:
		return nil, fmt.Errorf("%w: version %d", ErrCorrupt, v)
	}
	n := r.uvarint()
	if n > uint64(len(b)) {
		return nil, ErrCorrupt
	}
	c := make(Contribution, 0, n)
	var day Day
	for range n {
		day += Day(r.varint())
		if d := r.daily(day, &q); q.Match(day, d.Type) {
			c = append(c, d)
		}
		if r.err != nil {
			return nil, r.err
		}
	}
	if len(r.b) != 0 {
		return nil, ErrCorrupt
	}
	return c, nil
}

// decoder reads from b until an error, then reads zeros.
type decoder struct {
	b   []byte
	err error
}

func (r *decoder) fail() {
	r.err = ErrCorrupt
	r.b = nil
}

func (r *decoder) byte() byte {
	if len(r.b) == 0 {
		r.fail()
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

func (r *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *decoder) varint() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

// sized returns the bytes behind a length.
func (r *decoder) sized() []byte {
	n := r.uvarint()
	if n > uint64(len(r.b)) {
		r.fail()
		return nil
	}
	p := r.b[:n]
	r.b = r.b[n:]
	return p
}

func (r *decoder) daily(day Day, q *Filter) DayCount {
	d := DayCount{Day: day, Type: string(r.sized())}
	r.parts(&d, q, q.Match(day, d.Type))
	return d
}

// parts reads the count, and the rest if it is needed.
func (r *decoder) parts(d *DayCount, q *Filter, needed bool) {
	d.Count = r.varint()
	slots, subjects := r.sized(), r.sized()
	if r.err != nil || !needed {
		return
	}
	if q.Slots && len(slots) > 0 {
		d.Slots = r.slots(slots)
	}
	if q.Subjects && len(subjects) > 0 {
		s, err := decodeSketch(subjects)
		if err != nil {
			r.fail()
		}
		d.Subjects = s
	}
}

func (r *decoder) slots(b []byte) *Slots {
	slots := &Slots{}
	pos := 0
	for i := uint64(0); ; i++ {
		gap, n := binary.Uvarint(b[pos:])
		pos += max(n, 0)
		if n > 0 && gap == SlotsPerDay && pos == len(b) {
			return slots
		}
		if i += gap; n <= 0 || gap >= SlotsPerDay || i >= SlotsPerDay {
			r.fail()
			return nil
		}
		count, n := binary.Varint(b[pos:])
		if n <= 0 || count == 0 {
			r.fail()
			return nil
		}
		slots.append(int(i), count)
		pos += n
	}
}
