package series

import (
	"cmp"
	"iter"
	"slices"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
)

const slotWidth = 24 * time.Hour / metrics.SlotsPerDay

// table sums daily metrics into buckets. It has a row for each period and a
// column for each pair of event type and group. Columns are numbered in order
// of appearance and sorted once, at the end: a year of days and types is
// thousands of buckets, and hashing and comparing their names would take most
// of the time.
type table struct {
	query       *Query
	interval    Interval
	zone        *time.Location
	from, until time.Time // the range of the query

	previous   bool      // what is added belongs to the earlier range
	begin, end time.Time // the range of what is added
	present    time.Time // with Query.SoFar, what is aligned with this or later is left out

	breakdown *breakdown        // nil if only totals are added
	total     group             // of all columns then
	columns   []column          // each has a bucket
	periods   map[int64]*period // by start, in Unix seconds
	used      int               // number of buckets
	filled    int               // number of periods that have buckets in order
	sketches  int64             // bytes of their sketches
	require   func(bytes int64) error
	required  int64     // what it was last told
	first     time.Time // All without From: the first quarter hour with events

	day    metrics.Day // the day that slots are of
	ready  bool        // slots are set
	steady *stretch    // where the zone is known to be exact
	slots  [metrics.SlotsPerDay]*period
}

// column is a pair of event type and group.
type column struct {
	eventType string
	group     *group
	collapsed bool // its buckets have moved to another column
}

// group has the values of Query.GroupBy.
type group struct {
	values  []string
	columns map[string]int // by event type
}

// period has the buckets of one start. Those of a grouped query, of which a period
// may have very many in any order, are in sparse, by column.
type period struct {
	start, end time.Time
	buckets    []Bucket
	places     []place // of buckets, ascending by column
	sparse     map[int]*Bucket
}

// place says at which index the bucket of a column is.
type place struct{ col, at int32 }

// find returns where the place of a column is, or belongs. Columns mostly come in
// their order.
func (p *period) find(col int) (i int, found bool) {
	if n := len(p.places); n == 0 || int(p.places[n-1].col) < col {
		return n, false
	}
	return slices.BinarySearchFunc(p.places, int32(col), func(e place, col int32) int { return cmp.Compare(e.col, col) })
}

func newTable(q *Query) *table {
	t := &table{query: q, interval: q.interval(), zone: q.zone(), periods: map[int64]*period{}}
	if q.needGroups() {
		t.breakdown = newBreakdown(t)
	}
	t.from, t.until = q.bounds()
	t.begin, t.end = t.from, t.until
	return t
}

// startPrevious makes everything that is added from now on count for the
// earlier range.
func (t *table) startPrevious(previous *Query, now time.Time) {
	t.present = now.Truncate(slotWidth)
	t.begin, t.end = previous.bounds()
	t.previous, t.ready = true, false
}

func (t *table) addAll(counts iter.Seq2[metrics.DayCount, error]) error {
	for d, err := range counts {
		if err != nil {
			return err
		}
		if err := t.add(&d); err != nil {
			return err
		}
		if err := t.checkSize(); err != nil {
			return err
		}
	}
	if t.breakdown != nil {
		t.breakdown.flush()
	}
	return nil
}

func (t *table) add(d *metrics.DayCount) error {
	if t.query.Uniques && d.Count > 0 && (d.Subjects == nil || d.Subjects.Equal(&metrics.Sketch{})) {
		return &NoSubjectError{d.Day, d.Type}
	}
	if !t.ready || t.day != d.Day {
		if t.breakdown != nil {
			t.breakdown.flush() // what is left belongs to the day before
		}
		if err := t.checkDay(d.Day); err != nil {
			return err
		}
		t.setDay(d.Day)
	}
	if t.breakdown != nil {
		t.breakdown.add(d)
		return nil
	}
	t.addTo(&t.total, d)
	return nil
}

// checkDay checks the part of a day that is in the range, unless
// [Query.Validate] has checked the whole range.
func (t *table) checkDay(day metrics.Day) error {
	if !t.query.needSlots() || t.zone == time.UTC || !t.begin.IsZero() && !t.end.IsZero() {
		return nil
	}
	from, until := later(day.Time(), t.begin), (day + 1).Time()
	if !t.end.IsZero() && t.end.Before(until) {
		until = t.end
	}
	if t.steady != nil && t.steady.isSteady(from, until) {
		return nil
	}
	s := stretchAt(from, t.zone)
	t.steady = &s
	return checkZone(t.zone, from, until)
}

// addTo adds the part of a DayCount that is in the range to the buckets of its
// type and a group. The column, and the group, exist from the first event on: a
// UTC day has events of other days, too, which must leave no trace.
func (t *table) addTo(g *group, d *metrics.DayCount) {
	if !t.query.needSlots() {
		if d.Count == 0 {
			return
		}
		if t.interval == All {
			t.noteFirst(d.Day.Time())
		}
		t.count(t.slots[0], t.column(d.Type, g), d.Count, d.Subjects)
		return
	}
	if d.Slots == nil {
		return
	}
	if t.interval == All {
		t.noteFirstSlot(d)
	}
	counts, col := d.Slots.Counts(), -1
	for slot := 0; slot < metrics.SlotsPerDay; {
		p, sum := t.slots[slot], int64(0)
		for ; slot < metrics.SlotsPerDay && t.slots[slot] == p; slot++ {
			sum += counts[slot]
		}
		if p == nil || sum == 0 {
			continue
		}
		if col < 0 {
			col = t.column(d.Type, g)
		}
		t.count(p, col, sum, nil)
	}
}

// column returns the index of a column, which it adds if it is new: the caller
// adds a bucket then. In a query for totals all event types share a column.
func (t *table) column(eventType string, g *group) int {
	if t.query.Total {
		eventType = ""
	}
	col, known := g.columns[eventType]
	if !known {
		col = len(t.columns)
		if g.columns == nil {
			g.columns = map[string]int{}
		}
		g.columns[eventType] = col
		t.columns = append(t.columns, column{eventType: eventType, group: g})
	}
	return col
}

// setDay finds the period of each quarter hour of a day, nil if it is not in
// the range. If whole days are enough, only the first is set.
func (t *table) setDay(day metrics.Day) {
	t.day, t.ready = day, true
	if !t.query.needSlots() {
		t.slots[0] = t.period(t.start(t.align(day.Time())))
		return
	}
	var last *period
	for slot := range t.slots {
		at := slotTime(day, slot)
		t.slots[slot] = nil
		if !t.inRange(at) {
			continue
		}
		at = t.align(at)
		if t.previous && t.query.SoFar && !at.Before(t.present) {
			continue
		}
		if last == nil || at.Before(last.start) || !at.Before(last.end) {
			last = t.period(t.start(at))
		}
		t.slots[slot] = last
	}
}

func (t *table) inRange(at time.Time) bool {
	return (t.begin.IsZero() || !at.Before(t.begin)) && (t.end.IsZero() || at.Before(t.end))
}

// align returns the moment of the range that a moment is counted at: itself, or
// in the earlier range the one that it is compared with.
func (t *table) align(at time.Time) time.Time {
	if !t.previous {
		return at
	}
	at = t.query.alignTime(at)
	if at.Before(t.from) {
		return t.from
	}
	if !at.Before(t.until) {
		return t.until.Add(-1)
	}
	return at
}

// start returns the start of the period that contains a moment. That of All is
// the start of the range; without From it is known last, see buckets.
func (t *table) start(at time.Time) time.Time {
	if t.interval != All {
		return t.interval.start(at, t.zone)
	}
	if t.from.IsZero() {
		return time.Unix(0, 0).In(t.zone)
	}
	return t.from
}

// noteFirstSlot notes the first quarter hour in the range that has events.
func (t *table) noteFirstSlot(d *metrics.DayCount) {
	for slot := range d.Slots.Each() {
		if t.slots[slot] != nil {
			t.noteFirst(slotTime(d.Day, slot))
			return
		}
	}
}

// noteFirst notes a moment at which there are events.
func (t *table) noteFirst(at time.Time) {
	if t.first.IsZero() || at.Before(t.first) {
		t.first = at
	}
}

func slotTime(day metrics.Day, slot int) time.Time {
	return day.Time().Add(time.Duration(slot) * slotWidth)
}

func (t *table) period(start time.Time) *period {
	p := t.periods[start.Unix()]
	if p == nil {
		p = &period{start: start, end: t.interval.next(start)}
		t.periods[start.Unix()] = p
	}
	return p
}

func (t *table) count(p *period, col int, n int64, subjects *metrics.Sketch) {
	b := t.bucket(p, col)
	sum, sketch := &b.Count, b.Subjects
	if t.previous {
		sum, sketch = &b.Previous, b.PreviousSubjects
	}
	*sum += n
	if subjects != nil && sketch != nil {
		before := sketch.Bytes()
		sketch.Merge(subjects)
		t.sketches += sketch.Bytes() - before
	}
}

// bucket returns the bucket of a column, which it adds if it is new.
func (t *table) bucket(p *period, col int) *Bucket {
	if t.query.grouped() {
		b := p.sparse[col]
		if b == nil {
			if p.sparse == nil {
				p.sparse = map[int]*Bucket{}
			}
			b = &Bucket{}
			p.sparse[col] = b
			t.initBucket(b, p, col)
		}
		return b
	}
	i, found := p.find(col)
	if !found {
		if len(p.buckets) == 0 {
			t.filled++
			p.buckets = make([]Bucket, 0, t.used/t.filled+1) // as many as the others have
		}
		p.places = slices.Insert(p.places, i, place{int32(col), int32(len(p.buckets))})
		p.buckets = append(p.buckets, Bucket{})
		t.initBucket(&p.buckets[len(p.buckets)-1], p, col)
	}
	return &p.buckets[p.places[i].at]
}

func (t *table) initBucket(b *Bucket, p *period, col int) {
	t.used++
	b.Start, b.Type = p.start, t.columns[col].eventType
	if t.query.grouped() {
		b.Group = t.columns[col].group.values
	}
	if t.query.Uniques {
		b.Subjects = &metrics.Sketch{}
	}
	if t.query.Uniques && t.query.Compare != "" {
		b.PreviousSubjects = &metrics.Sketch{}
	}
}

// buckets returns all buckets in order.
func (t *table) buckets() []Bucket {
	periods := make([]*period, 0, len(t.periods))
	for _, p := range t.periods {
		periods = append(periods, p)
	}
	slices.SortFunc(periods, func(a, b *period) int { return a.start.Compare(b.start) })
	out := make([]Bucket, 0, t.used)
	for _, p := range periods {
		first := len(out)
		out = append(out, p.buckets...)
		for _, b := range p.sparse {
			out = append(out, *b)
		}
		slices.SortFunc(out[first:], func(a, b Bucket) int {
			return cmp.Or(cmp.Compare(a.Type, b.Type), slices.Compare(a.Group, b.Group))
		})
	}
	if t.interval == All && t.from.IsZero() {
		for i := range out {
			out[i].Start = Day.start(t.first, t.zone)
		}
	}
	return out
}
