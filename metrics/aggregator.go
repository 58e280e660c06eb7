package metrics

import (
	"cmp"
	"errors"
	"slices"
	"strings"
)

// Errors of [Aggregator.Add]. The event would exceed a limit and was not
// counted.
var (
	ErrTooManyTypes = errors.New("metrics: too many event types")
	ErrTooManyDays  = errors.New("metrics: too many days")
	ErrTooManyCells = errors.New("metrics: too many combinations of day and event type")
)

// AggregatorOptions bound the memory of an Aggregator. The zero value means
// the defaults.
type AggregatorOptions struct {
	// Subject is the name of the field whose distinct values are estimated, as
	// events have it; "" means none.
	Subject string
	// MaxTypes is the greatest number of event types; 0 means 1,000.
	MaxTypes int
	// MaxDays is the greatest number of days; 0 means 4,000.
	MaxDays int
	// MaxCells is the greatest number of combinations of day and event type,
	// each of which may need 5 KiB; 0 means 16,384.
	MaxCells int
	// Dimensions are the names of the fields by whose values the counts are also
	// broken down. The first three in byte order are used, and case is ignored.
	// A missing value is "".
	Dimensions []string
	// MaxValues is the greatest number of values of a dimension that have
	// groups of their own. Those that occur first have; the others count as
	// [Other]. 0 means 1,000; the greatest possible value is 65,534.
	MaxValues int
	// MaxGroups is the greatest number of combinations of day, event type and
	// group. The others count in a group in which all values are Other. A
	// combination takes from 150 bytes, with events in few quarter hours, to 900
	// bytes. 0 means 65,536.
	MaxGroups int
}

// Aggregator sums events into a [Contribution]. It allocates only when it
// meets a new event type or day. It is not safe for concurrent use.
type Aggregator struct {
	opts    AggregatorOptions
	subject int // where the subject was last found among the fields
	recent  [recentTypes]*typeCells
	types   map[string]*typeCells
	days    map[Day]struct{}
	first   Day // the day of the first event, around which days are near
	cells   int
	bytes   int64      // see Bytes
	groups  *breakdown // nil: counts are not broken down
}

const (
	// recentTypes is the size of the cache in front of the map of types; a
	// power of two.
	recentTypes = 64
	// nearDays is the number of days around the first one whose cells are in an
	// array; a power of two. Cells of other days are in a map.
	nearDays = 1024
	// typeBytes and cellBytes are what a type and a cell take, with the entries
	// of maps and the DayCount that a cell becomes, and its part of an encoding.
	// What a dense sketch and long names take is counted apart.
	typeBytes, cellBytes = 512, 1536
)

// typeCells has the cells of one event type.
type typeCells struct {
	name string
	near []*cell // by day, from first-nearDays/2 on; grows as needed
	far  map[Day]*cell
}

// cell sums one day and event type. Its count is the sum of its slots.
type cell struct {
	slots    [SlotsPerDay]int64
	subjects Sketch
	groups   map[groupKey]*Slots
}

// NewAggregator returns an empty Aggregator. Nil options mean the defaults.
func NewAggregator(opts *AggregatorOptions) *Aggregator {
	a := &Aggregator{types: map[string]*typeCells{}, days: map[Day]struct{}{}}
	if opts != nil {
		a.opts = *opts
	}
	a.opts.MaxTypes = cmp.Or(max(a.opts.MaxTypes, 0), 1000)
	a.opts.MaxDays = cmp.Or(max(a.opts.MaxDays, 0), 4000)
	a.opts.MaxCells = cmp.Or(max(a.opts.MaxCells, 0), 16384)
	a.opts.MaxValues = cmp.Or(max(a.opts.MaxValues, 0), 1000)
	a.opts.MaxGroups = cmp.Or(max(a.opts.MaxGroups, 0), 65536)
	a.groups = newBreakdown(&a.opts)
	return a
}

// Add counts one event. An event without a subject counts as an event only.
// Errors: ErrTooManyTypes, ErrTooManyDays, ErrTooManyCells. After an error the
// Aggregator is as before and may be used.
func (a *Aggregator) Add(e *Event) error {
	day, slot := dayAndSlot(e.Time)
	var c *cell
	t := a.typeOf(e.Type)
	if t != nil {
		c = a.cellOf(t, day)
	}
	if c == nil {
		var err error
		if c, err = a.newCell(t, day, e.Type); err != nil {
			return err
		}
	}
	c.slots[slot]++
	if subject := a.subjectOf(e); subject != "" {
		wasDense := c.subjects.dense != nil
		c.subjects.Add(subject)
		if !wasDense && c.subjects.dense != nil {
			a.bytes += 2 * registers // with its encoding
		}
	}
	if a.groups != nil {
		a.groups.count(c, e, slot)
	}
	return nil
}

// Bytes returns about how much memory the Aggregator, its [Contribution] and the
// encoding of that take together.
func (a *Aggregator) Bytes() int64 {
	if a.groups == nil {
		return a.bytes
	}
	return a.bytes + a.groups.bytes
}

// Cells returns the number of combinations of day and event type so far.
func (a *Aggregator) Cells() int { return a.cells }

// typeOf finds a type, nearly always in the cache. The index there is made of
// the length, the last byte and the middle one, in which similar names differ most.
func (a *Aggregator) typeOf(name string) *typeCells {
	place := 0
	if n := len(name); n > 0 {
		place = (n*7 + int(name[n-1]) + int(name[n/2])*31) % recentTypes
	}
	if t := a.recent[place]; t != nil && t.name == name {
		return t
	}
	t := a.types[name]
	if t != nil {
		a.recent[place] = t
	}
	return t
}

func (a *Aggregator) cellOf(t *typeCells, day Day) *cell {
	if i := a.nearIndex(day); i < uint(len(t.near)) {
		return t.near[i]
	}
	return t.far[day]
}

// nearIndex returns the index of a day in the array, or one past its end.
func (a *Aggregator) nearIndex(day Day) uint {
	return uint(day - a.first + nearDays/2) // a day before the array wraps to a huge one
}

// newCell adds a cell for a day and event type if the limits allow it.
func (a *Aggregator) newCell(t *typeCells, day Day, eventType string) (*cell, error) {
	if t == nil && len(a.types) >= a.opts.MaxTypes {
		return nil, ErrTooManyTypes
	}
	if _, known := a.days[day]; !known && len(a.days) >= a.opts.MaxDays {
		return nil, ErrTooManyDays
	}
	if a.cells >= a.opts.MaxCells {
		return nil, ErrTooManyCells
	}
	if a.cells == 0 {
		a.first = day
	}
	if t == nil {
		t = &typeCells{name: strings.Clone(eventType), far: map[Day]*cell{}} // the name shares memory with its file
		a.types[t.name] = t
		a.bytes += typeBytes + 2*int64(len(t.name))
	}
	a.bytes += cellBytes + int64(len(t.name))
	c := &cell{}
	a.place(t, day, c)
	a.days[day] = struct{}{}
	a.cells++
	return c, nil
}

func (a *Aggregator) place(t *typeCells, day Day, c *cell) {
	i := a.nearIndex(day)
	if i >= nearDays {
		t.far[day] = c
		return
	}
	if grow := int(i) + 1 - len(t.near); grow > 0 {
		t.near = append(t.near, make([]*cell, grow)...)
		a.bytes += 16 * int64(grow)
	}
	t.near[i] = c
}

// subjectOf looks for the subject where it was last: in a CSV file it is in the
// same column of every row.
func (a *Aggregator) subjectOf(e *Event) string {
	if a.opts.Subject == "" {
		return ""
	}
	if i := a.subject; i < len(e.Fields) && e.Fields[i].Name == a.opts.Subject {
		return e.Fields[i].Value
	}
	for i := range e.Fields {
		if e.Fields[i].Name == a.opts.Subject {
			a.subject = i
			return e.Fields[i].Value
		}
	}
	return ""
}

// Contribution returns the sum of the events. It takes over the memory of the
// Aggregator, which is of no more use: a sum may be large, and two of them would
// take twice as much.
func (a *Aggregator) Contribution() Contribution {
	size := a.cells
	if a.groups != nil {
		size += a.groups.made
	}
	c := make(Contribution, 0, size)
	for _, t := range a.types {
		for i, near := range t.near {
			if near != nil {
				c = a.appendCell(c, a.first-nearDays/2+Day(i), t.name, near)
				t.near[i] = nil
			}
		}
		for day, far := range t.far {
			c = a.appendCell(c, day, t.name, far)
		}
	}
	a.types, a.recent = nil, [recentTypes]*typeCells{}
	slices.SortFunc(c, func(x, y DayCount) int { return x.Compare(&y) })
	return c
}

func (a *Aggregator) appendCell(c Contribution, day Day, eventType string, from *cell) Contribution {
	subjects := from.subjects // without the rest of the cell
	d := DayCount{Day: day, Type: eventType, Slots: newSlots(&from.slots), Subjects: &subjects}
	for _, n := range from.slots {
		d.Count += n
	}
	c = append(c, d)
	if a.groups != nil {
		c = a.groups.appendTo(c, &d, from.groups)
	}
	return c
}
