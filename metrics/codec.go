package metrics

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"iter"
	"math"
)

// ErrCorrupt means that bytes are not what AppendBinary wrote.
var ErrCorrupt = errors.New("metrics: corrupt encoding")

// The first byte of an encoded contribution is its version. Those that are only
// read, because ledgers of earlier releases have them, have no checksum. They
// differ from codecVersion in more than one bit, so a damaged bit does not turn
// off the checksum.
const (
	codecVersion     = 4
	uncheckedVersion = 3 // the same without a checksum
	groupsVersion    = 2 // no number of DayCounts: they go on to the end
	totalsVersion    = 1 // no groups, and types are written in full
)

// sumSize is the size of the checksum at the end of an encoding.
const sumSize = 4

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// AppendBinary appends a compact encoding of the contribution: a version byte,
// the number of DayCounts, each DayCount, and a checksum. The day of a DayCount is
// written as the difference from the DayCount before, its type and group as the
// number of bytes that are the same and the rest. Then come its count, its counts
// by quarter hour as pairs of gap and count, and its sketch. Equal contributions
// have equal encodings. Missing Slots or Subjects stay missing.
func (c Contribution) AppendBinary(b []byte) ([]byte, error) {
	start := len(b)
	b = append(b, codecVersion)
	b = binary.AppendUvarint(b, uint64(len(c)))
	var last DayCount
	for i := range c {
		d := &c[i]
		b = binary.AppendVarint(b, int64(d.Day-last.Day))
		b = appendChanged(b, last.Type, d.Type)
		b = appendChanged(b, string(last.Group), string(d.Group))
		b = binary.AppendVarint(b, d.Count)
		b = appendSized(b, d.appendSlots)
		b = appendSized(b, d.appendSubjects)
		last = *d
	}
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[start:], castagnoli)), nil
}

// appendChanged appends a string as the number of bytes that it has in common
// with the one before, and the rest.
func appendChanged(b []byte, last, s string) []byte {
	same := 0
	for same < min(len(last), len(s)) && last[same] == s[same] {
		same++
	}
	b = binary.AppendUvarint(b, uint64(same))
	b = binary.AppendUvarint(b, uint64(len(s)-same))
	return append(b, s[same:]...)
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

// DecodeContribution reads what AppendBinary wrote, in this release or an
// earlier one, and returns the part that q selects. Errors: ErrCorrupt.
func DecodeContribution(b []byte, q Filter) (Contribution, error) {
	c := make(Contribution, 0, lengthOf(b))
	for d, err := range DecodeEach(b, q) {
		if err != nil {
			return nil, err
		}
		c = append(c, d)
	}
	return c, nil
}

// lengthOf returns how many DayCounts b says that it has, if it may have as many
// and says so.
func lengthOf(b []byte) int {
	if len(b) == 0 || b[0] == groupsVersion {
		return 0
	}
	n, _ := binary.Uvarint(b[1:])
	return int(min(n, uint64(len(b)/4))) // which take more than four bytes each
}

// DecodeEach is [DecodeContribution] for long ones: it yields one DayCount after
// the other, and an error last. It reads b until then.
func DecodeEach(b []byte, q Filter) iter.Seq2[DayCount, error] {
	return func(yield func(DayCount, error) bool) {
		version, content, err := checked(b)
		if err != nil {
			yield(DayCount{}, err)
			return
		}
		r := decoder{b: content}
		n := uint64(math.MaxUint64)
		if version != groupsVersion {
			n = r.uvarint()
		}
		for at := (keys{}); n > 0 && (version != groupsVersion || len(r.b) > 0); n-- {
			d, needed := r.dayCount(&at, version, &q)
			if r.err != nil || needed && !yield(d, nil) {
				break
			}
		}
		if n == 0 && len(r.b) > 0 {
			r.fail()
		}
		if r.err != nil {
			yield(DayCount{}, r.err)
		}
	}
}

// dayCount reads a DayCount, and leaves it empty if it is not needed.
func (r *decoder) dayCount(at *keys, version byte, q *Filter) (d DayCount, needed bool) {
	r.keys(at, version)
	needed = q.Match(at.day, at.eventType.string()) && (q.Groups || len(at.group.now) == 0)
	if needed {
		d = DayCount{Day: at.day, Type: at.eventType.string(), Group: Group(at.group.string())}
	}
	r.parts(&d, q, needed)
	return d, needed
}

// keys are what a DayCount is written as a change of.
type keys struct {
	day              Day
	eventType, group changing
}

func (r *decoder) keys(k *keys, version byte) {
	k.day += Day(r.varint())
	if version == totalsVersion {
		k.eventType = changing{now: r.sized()}
		return
	}
	r.changed(&k.eventType)
	r.changed(&k.group)
}

// checked returns the version of an encoding, and its content without the
// version and the checksum. Errors: ErrCorrupt.
func checked(b []byte) (version byte, content []byte, err error) {
	if len(b) == 0 {
		return 0, nil, ErrCorrupt
	}
	switch version, end := b[0], len(b)-sumSize; {
	case version == uncheckedVersion, version == groupsVersion, version == totalsVersion:
		return version, b[1:], nil
	case version != codecVersion:
		return 0, nil, fmt.Errorf("%w: version %d", ErrCorrupt, version)
	case end < 1 || crc32.Checksum(b[:end], castagnoli) != binary.LittleEndian.Uint32(b[end:]):
		return 0, nil, fmt.Errorf("%w: wrong checksum", ErrCorrupt)
	default:
		return version, b[1:end], nil
	}
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

// sized reads a length and returns as many bytes.
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
	slots := &Slots{few: make([]int64, 0, min(len(b)/2, maxFew))} // each takes two bytes or more
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

// changing is a string that is read as a change of the one before.
type changing struct {
	now  []byte
	text string
	made bool // text is now
}

func (c *changing) string() string {
	if !c.made {
		c.text, c.made = string(c.now), true
	}
	return c.text
}

func (r *decoder) changed(s *changing) {
	same := r.uvarint()
	rest := r.sized()
	if same > uint64(len(s.now)) {
		r.fail()
		return
	}
	if same < uint64(len(s.now)) || len(rest) > 0 {
		s.now, s.made = append(s.now[:same], rest...), false
	}
}
