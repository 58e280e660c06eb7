package metrics

import (
	"cmp"
	"iter"
	"slices"
)

// DayCount has the counts of one UTC day and event type: of all its events, a
// total, or of one group.
type DayCount struct {
	Day  Day
	Type string
	// Group is empty in a total. If the total is broken down, the counts of its
	// groups sum to its own.
	Group Group
	// Count is the number of events of the whole day.
	Count int64
	// Slots counts the same events by quarter hour of the UTC day. It is nil
	// if a [Filter] did not ask for it.
	Slots *Slots
	// Subjects estimates the number of distinct subjects. It is nil in a group,
	// and if a [Filter] did not ask for it.
	Subjects *Sketch
}

// Compare orders by day, then by event type in byte order, then by group. A
// total comes before its groups.
func (d *DayCount) Compare(other *DayCount) int {
	if c := cmp.Compare(d.Day, other.Day); c != 0 {
		return c
	}
	if c := cmp.Compare(d.Type, other.Type); c != 0 {
		return c
	}
	return cmp.Compare(d.Group, other.Group)
}

// Merge adds the counts and subjects of other, which must have the same day,
// type and group. Parts that d lacks stay missing. Other is not changed and
// shares no memory with d afterwards.
func (d *DayCount) Merge(other *DayCount) {
	d.Count += other.Count
	if d.Slots != nil && other.Slots != nil {
		d.Slots.merge(other.Slots, 1)
	}
	if d.Subjects != nil && other.Subjects != nil {
		d.Subjects.Merge(other.Subjects)
	}
}

// Subtract subtracts the counts of other. Subjects cannot be subtracted and
// stay as they are. Other is not changed.
func (d *DayCount) Subtract(other *DayCount) {
	d.Count -= other.Count
	if d.Slots != nil && other.Slots != nil {
		d.Slots.merge(other.Slots, -1)
	}
}

// Clone returns a copy that shares no memory with d except strings.
func (d *DayCount) Clone() DayCount {
	c := *d
	if d.Slots != nil {
		c.Slots = d.Slots.Clone()
	}
	if d.Subjects != nil {
		c.Subjects = d.Subjects.Clone()
	}
	return c
}

// Contribution is what one batch adds to the daily metrics. Its DayCounts
// ascend by [DayCount.Compare] without repetition. Each has Slots, and totals
// have Subjects. The metrics of several batches are the sum of their
// contributions.
type Contribution []DayCount

// Events returns the number of events in the contribution.
func (c Contribution) Events() int64 {
	var n int64
	for i := range c {
		if c[i].Group == "" {
			n += c[i].Count
		}
	}
	return n
}

// Bytes returns about how much memory the contribution and its encoding take.
func (c Contribution) Bytes() int64 {
	var n int64
	for i := range c {
		d := &c[i]
		n += groupBytes + 2*int64(len(d.Group))
		if d.Slots != nil {
			n += 16 * int64(len(d.Slots.few))
		}
		if d.Slots != nil && d.Slots.all != nil {
			n += 16 * SlotsPerDay
		}
		if d.Subjects != nil {
			n += 2 * d.Subjects.Bytes()
		}
	}
	return n
}

// Days returns the parts of the contribution day by day, ascending. The parts
// share the memory of c.
func (c Contribution) Days() iter.Seq2[Day, Contribution] {
	return func(yield func(Day, Contribution) bool) {
		for len(c) > 0 {
			day := c[0].Day
			n := slices.IndexFunc(c, func(d DayCount) bool { return d.Day != day })
			if n < 0 {
				n = len(c)
			}
			if !yield(day, c[:n:n]) {
				return
			}
			c = c[n:]
		}
	}
}

// Merge returns the sum of contributions. It is commutative and associative.
// The result shares no memory with its arguments except strings.
func Merge(contributions ...Contribution) Contribution {
	var sum Contribution
	for _, c := range contributions {
		sum = merge2(sum, c)
	}
	return sum
}

// Add returns the sum of c and another contribution. Unlike Merge it reuses the
// memory of c, which makes it faster for long sums.
func (c Contribution) Add(other Contribution) Contribution {
	for i := range other {
		at, found := slices.BinarySearchFunc(c, other[i], func(x, y DayCount) int { return x.Compare(&y) })
		if found {
			c[at].Merge(&other[i])
		} else {
			c = slices.Insert(c, at, other[i].Clone())
		}
	}
	return c
}

// Subtract returns c without the counts of another contribution, and without
// the DayCounts that count nothing then. Subjects cannot be subtracted and stay
// as they are. Like Add it uses the memory of c.
func (c Contribution) Subtract(other Contribution) Contribution {
	for i := range other {
		at, found := slices.BinarySearchFunc(c, other[i], func(x, y DayCount) int { return x.Compare(&y) })
		if found {
			c[at].Subtract(&other[i])
		}
	}
	return slices.DeleteFunc(c, func(d DayCount) bool { return d.Count == 0 })
}

func merge2(a, b Contribution) Contribution {
	out := make(Contribution, 0, max(len(a), len(b)))
	for len(a) > 0 && len(b) > 0 {
		switch c := a[0].Compare(&b[0]); {
		case c < 0:
			out, a = append(out, a[0].Clone()), a[1:]
		case c > 0:
			out, b = append(out, b[0].Clone()), b[1:]
		default:
			both := a[0].Clone()
			both.Merge(&b[0])
			out, a, b = append(out, both), a[1:], b[1:]
		}
	}
	for _, rest := range []Contribution{a, b} {
		for i := range rest {
			out = append(out, rest[i].Clone())
		}
	}
	return out
}
