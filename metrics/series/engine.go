package series

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
)

const slotWidth = 24 * time.Hour / metrics.SlotsPerDay

// grouper collects the buckets of a series. Types are numbered as they come,
// and sorted once at the end: a year of days and types is thousands of
// buckets, and hashing and comparing their names would take most of the time.
type grouper struct {
	series      *Query
	interval    Interval
	zone        *time.Location
	from, until time.Time

	back       bool      // what is added is of the earlier range
	begin, end time.Time // of the range that is added

	slicer *slicer          // nil: only totals are added
	types  []map[string]int // by place of group
	names  []name
	groups map[int64]*group // by start, in Unix seconds
	used   int              // buckets
	first  time.Time        // of All without From: the first quarter hour that has events

	day    metrics.Day // the day whose quarter hours are in places
	placed bool
	places [metrics.SlotsPerDay]*group // nil: out of the range
}

// name is what a number stands for: an event type, and the place of a group.
type name struct {
	text  string
	group int
	gone  bool // moved to another
}

// group has the buckets of one start, by number of type. Those of groups, which
// may be very many and seldom occur together, are in few.
type group struct {
	start, end time.Time
	buckets    []Bucket
	used       []bool
	few        map[int]*Bucket
}

func newGrouper(s *Query) *grouper {
	g := &grouper{
		series:   s,
		interval: s.interval(),
		zone:     s.zone(),
		groups:   map[int64]*group{},
	}
	if s.sliced() {
		g.slicer = newSlicer(g)
	}
	g.from, g.until = s.bounds()
	g.begin, g.end = g.from, g.until
	return g
}

// goBack makes what is added from now on count as that of the earlier range.
func (g *grouper) goBack() {
	previous := g.series.Previous()
	g.begin, g.end = previous.bounds()
	g.back, g.placed = true, false
}

func (g *grouper) addAll(dailies iter.Seq2[metrics.DayCount, error]) error {
	for d, err := range dailies {
		if err != nil {
			return err
		}
		if g.add(&d); g.used > MaxBuckets {
			return ErrTooManyBuckets
		}
	}
	if g.slicer != nil {
		g.slicer.flush()
	}
	return nil
}

func (g *grouper) add(d *metrics.DayCount) {
	if !g.placed || g.day != d.Day {
		if g.slicer != nil {
			g.slicer.flush() // into the places of its day
		}
		g.place(d.Day)
	}
	if g.slicer != nil {
		g.slicer.add(d)
		return
	}
	g.addTo(d, g.number(d.Type, 0))
}

// addTo adds a DayCount to the buckets of a number.
func (g *grouper) addTo(d *metrics.DayCount, number int) {
	if g.series.needSlots() && d.Slots == nil {
		return
	}
	if g.interval == All {
		g.see(d)
	}
	if !g.series.needSlots() {
		g.count(g.places[0], number, d.Count, d.Subjects)
		return
	}
	var slots [metrics.SlotsPerDay]int64
	for slot, n := range d.Slots.Each() {
		slots[slot] = n
	}
	for i := 0; i < metrics.SlotsPerDay; {
		at, n := g.places[i], int64(0)
		for ; i < metrics.SlotsPerDay && g.places[i] == at; i++ {
			n += slots[i]
		}
		if n != 0 && at != nil {
			g.count(at, number, n, nil)
		}
	}
}

// number returns the number of a type in a group; all types have the same if
// the series is a total.
func (g *grouper) number(eventType string, group int) int {
	if g.series.Total {
		eventType = ""
	}
	for group >= len(g.types) {
		g.types = append(g.types, map[string]int{})
	}
	n, ok := g.types[group][eventType]
	if !ok {
		n = len(g.names)
		g.types[group][eventType] = n
		g.names = append(g.names, name{text: eventType, group: group})
	}
	return n
}

// place finds the group of each quarter hour of a day.
func (g *grouper) place(day metrics.Day) {
	g.day, g.placed = day, true
	if !g.series.needSlots() {
		g.places[0] = g.group(g.start(g.beside(day.Time())))
		return
	}
	var last *group
	for i := range g.places {
		t := slotTime(day, i)
		g.places[i] = nil
		if !g.inRange(t) {
			continue
		}
		t = g.beside(t)
		if last == nil || t.Before(last.start) || !t.Before(last.end) {
			last = g.group(g.start(t))
		}
		g.places[i] = last
	}
}

// beside returns t, or of the earlier range what it stands beside.
func (g *grouper) beside(t time.Time) time.Time {
	if !g.back {
		return t
	}
	t = g.series.timeBeside(t)
	if t.Before(g.from) {
		return g.from
	}
	if !t.Before(g.until) {
		return g.until.Add(-1)
	}
	return t
}

// start returns the start of the bucket that t is in. That of All is where the
// range starts; without From it is known last, see buckets.
func (g *grouper) start(t time.Time) time.Time {
	if g.interval != All {
		return g.interval.start(t, g.zone)
	}
	if g.from.IsZero() {
		return time.Unix(0, 0).In(g.zone)
	}
	return g.from
}

// see notes when the first of all events was.
func (g *grouper) see(d *metrics.DayCount) {
	at := d.Day.Time()
	if g.series.needSlots() {
		found := false
		for slot := range d.Slots.Each() {
			if found = g.places[slot] != nil; found {
				at = slotTime(d.Day, slot)
				break
			}
		}
		if !found {
			return
		}
	}
	if g.first.IsZero() || at.Before(g.first) {
		g.first = at
	}
}

func (g *grouper) inRange(t time.Time) bool {
	return (g.begin.IsZero() || !t.Before(g.begin)) && (g.end.IsZero() || t.Before(g.end))
}

func slotTime(day metrics.Day, slot int) time.Time {
	return day.Time().Add(time.Duration(slot) * slotWidth)
}

func (g *grouper) group(start time.Time) *group {
	at := g.groups[start.Unix()]
	if at == nil {
		at = &group{start: start, end: g.interval.next(start)}
		g.groups[start.Unix()] = at
	}
	return at
}

func (g *grouper) count(at *group, number int, n int64, subjects *metrics.Sketch) {
	b := g.bucket(at, number)
	sum, sketch := &b.Count, b.Subjects
	if g.back {
		sum, sketch = &b.Previous, b.PreviousSubjects
	}
	*sum += n
	if subjects != nil && sketch != nil {
		sketch.Merge(subjects)
	}
}

// bucket returns the bucket of a number, which it makes if it is not there.
func (g *grouper) bucket(at *group, number int) *Bucket {
	if g.grouped() {
		b := at.few[number]
		if b == nil {
			if at.few == nil {
				at.few = map[int]*Bucket{}
			}
			b = &Bucket{}
			at.few[number] = b
			g.begun(b, at, number)
		}
		return b
	}
	if grow := number + 1 - len(at.buckets); grow > 0 {
		at.buckets = append(at.buckets, make([]Bucket, grow)...)
		at.used = append(at.used, make([]bool, grow)...)
	}
	b := &at.buckets[number]
	if !at.used[number] {
		at.used[number] = true
		g.begun(b, at, number)
	}
	return b
}

func (g *grouper) grouped() bool { return len(g.series.GroupBy) > 0 }

// begun fills in what a new bucket is of.
func (g *grouper) begun(b *Bucket, at *group, number int) {
	g.used++
	b.Start, b.Type = at.start, g.names[number].text
	if g.grouped() {
		b.Group = g.slicer.values[g.names[number].group]
	}
	if g.series.Uniques {
		b.Subjects = &metrics.Sketch{}
	}
	if g.series.Uniques && g.series.Compare != "" {
		b.PreviousSubjects = &metrics.Sketch{}
	}
}

// move adds the buckets of some numbers to those of others.
func (g *grouper) move(to map[int]int) {
	for from := range to {
		g.names[from].gone = true
	}
	for _, at := range g.groups {
		for from, b := range maps.Clone(at.few) {
			if number, moves := to[from]; moves {
				delete(at.few, from)
				g.used--
				g.bucket(at, number).Merge(b)
			}
		}
	}
}

// fill adds the empty buckets.
func (g *grouper) fill() error {
	if !g.grouped() { // which groups a type would have, nobody knows
		g.numberAll()
	}
	first, last := g.extent()
	if first.IsZero() {
		return nil
	}
	for start := first; !start.After(last); start = g.interval.next(start) {
		at := g.group(start)
		for number := range g.names {
			if !g.names[number].gone {
				g.count(at, number, 0, nil)
			}
		}
		if g.used > MaxBuckets {
			return ErrTooManyBuckets
		}
	}
	return nil
}

// numberAll numbers the types that are asked for, whether they occur or not.
func (g *grouper) numberAll() {
	for _, eventType := range g.series.Types {
		g.number(eventType, 0)
	}
	if g.series.Total {
		g.number("", 0)
	}
}

// extent returns the starts of the first and last bucket of the range.
func (g *grouper) extent() (first, last time.Time) {
	for _, at := range g.groups {
		if len(at.used)+len(at.few) == 0 { // a place on a day with events, but at another hour
			continue
		}
		if first.IsZero() || at.start.Before(first) {
			first = at.start
		}
		if at.start.After(last) {
			last = at.start
		}
	}
	if !g.from.IsZero() {
		first = g.start(g.from)
	}
	if !g.until.IsZero() {
		last = g.start(g.until.Add(-1))
	}
	return first, last
}

func (g *grouper) buckets() []Bucket {
	groups := make([]*group, 0, len(g.groups))
	for _, at := range g.groups {
		groups = append(groups, at)
	}
	slices.SortFunc(groups, func(a, b *group) int { return a.start.Compare(b.start) })
	order := g.order()
	out := make([]Bucket, 0, g.used)
	for _, at := range groups {
		first := len(out)
		for _, b := range at.few {
			out = append(out, *b)
		}
		slices.SortFunc(out[first:], func(a, b Bucket) int {
			return cmp.Or(cmp.Compare(a.Type, b.Type), slices.Compare(a.Group, b.Group))
		})
		for _, number := range order {
			if number < len(at.used) && at.used[number] {
				out = append(out, at.buckets[number])
			}
		}
	}
	if g.interval == All && g.from.IsZero() {
		for i := range out {
			out[i].Start = Day.start(g.first, g.zone)
		}
	}
	return out
}

// order returns the numbers in the order of their names.
func (g *grouper) order() []int {
	order := make([]int, len(g.names))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(g.names[a].text, g.names[b].text) })
	return order
}
