package metrics

import (
	"maps"
	"slices"
	"strings"
)

// maxValues is the greatest number of values that can be numbered.
const maxValues = 1 << 16

// breakdown counts the events of an Aggregator by group.
type breakdown struct {
	dimensions []dimension
	left       int // number of groups that may still be added, except those of Other
	made       int
	names      map[groupKey]Group
	bytes      int64 // see Aggregator.Bytes
}

const (
	// groupBytes is what a group of a cell takes: an entry of a map, its Slots,
	// its DayCount, and its part of an encoding beside its name.
	groupBytes = 128
	// nameBytes is what a group or a value takes once, beside its text: entries
	// of maps.
	nameBytes = 96
)

// dimension numbers the values of a field in order of appearance. Number 0 is
// Other.
type dimension struct {
	name    string
	most    int
	place   int    // where the field was last found
	spelled string // how its name was spelled there
	numbers map[string]uint16
	values  []string
	last    string // the last value, and its number
	number  uint16
}

// groupKey has the numbers of a group's values.
type groupKey [MaxDimensions]uint16

// newBreakdown returns nil if there are no dimensions.
func newBreakdown(opts *AggregatorOptions) *breakdown {
	names := slices.Compact(slices.Sorted(slices.Values(opts.Dimensions)))
	names = names[:min(len(names), MaxDimensions)]
	if len(names) == 0 {
		return nil
	}
	b := &breakdown{left: opts.MaxGroups, names: map[groupKey]Group{}}
	for _, name := range names {
		b.dimensions = append(b.dimensions, dimension{
			name: name, spelled: name, most: min(opts.MaxValues, maxValues-1), values: []string{Other}, last: Other,
			numbers: map[string]uint16{Other: 0, Unknown: 0},
		})
	}
	return b
}

// count counts an event of a cell in its group.
func (b *breakdown) count(c *cell, e *Event, slot int) {
	var key groupKey
	for i := range b.dimensions {
		before := len(b.dimensions[i].values)
		key[i] = b.dimensions[i].numberOf(e)
		if after := b.dimensions[i].values; len(after) > before {
			b.bytes += nameBytes + int64(len(after[before]))
		}
	}
	slots := c.groups[key]
	if slots == nil {
		slots = b.group(c, key)
	}
	few, sparse := len(slots.few), slots.all == nil
	slots.Add(slot, 1)
	switch {
	case sparse && slots.all != nil:
		b.bytes += 8 * SlotsPerDay
	case len(slots.few) > few:
		b.bytes += 16 // with its share of what grows in steps
	}
}

// group adds a group to a cell. If there are too many, it is that of Other.
func (b *breakdown) group(c *cell, key groupKey) *Slots {
	if b.left == 0 {
		key = groupKey{}
	}
	if slots := c.groups[key]; slots != nil {
		return slots
	}
	if key != (groupKey{}) {
		b.left--
	}
	b.made++
	if c.groups == nil {
		c.groups = map[groupKey]*Slots{}
	}
	slots := &Slots{}
	c.groups[key] = slots
	b.bytes += groupBytes + 3*int64(len(b.name(key)))/2 // encodings are in buffers that grow
	return slots
}

// numberOf returns the number of the value that an event has.
func (d *dimension) numberOf(e *Event) uint16 {
	value := ""
	if i := d.place; i < len(e.Fields) && e.Fields[i].Name == d.spelled {
		value = e.Fields[i].Value
	} else if i := slices.IndexFunc(e.Fields, func(f Field) bool { return strings.EqualFold(f.Name, d.name) }); i >= 0 {
		d.place, d.spelled, value = i, e.Fields[i].Name, e.Fields[i].Value
	}
	if value == d.last {
		return d.number
	}
	n, known := d.numbers[value]
	if !known && len(d.numbers)-2 < d.most {
		value = strings.Clone(value) // an event shares memory with its file
		n = uint16(len(d.values))
		d.numbers[value] = n
		d.values = append(d.values, value)
		known = true
	}
	if known {
		d.last, d.number = d.values[n], n
	}
	return n
}

// appendTo appends the groups of a cell.
func (b *breakdown) appendTo(c Contribution, total *DayCount, groups map[groupKey]*Slots) Contribution {
	for _, key := range slices.SortedFunc(maps.Keys(groups), func(x, y groupKey) int { return slices.Compare(x[:], y[:]) }) {
		d := DayCount{Day: total.Day, Type: total.Type, Group: b.name(key), Slots: groups[key]}
		for _, n := range d.Slots.Each() {
			d.Count += n
		}
		c = append(c, d)
	}
	return c
}

func (b *breakdown) name(key groupKey) Group {
	if g, known := b.names[key]; known {
		return g
	}
	values := make([]Field, len(b.dimensions))
	for i := range values {
		values[i] = Field{b.dimensions[i].name, b.dimensions[i].values[key[i]]}
	}
	g := NewGroup(values...)
	b.names[key] = g
	b.bytes += nameBytes + int64(len(g))
	return g
}
