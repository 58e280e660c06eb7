package series

import (
	"cmp"
	"maps"
	"slices"

	"github.com/eventmetrics/eventmetrics/metrics"
)

// breakdown decides in which groups the counts of a table belong, and counts
// the events of which that is unknown. It keeps the last total and subtracts
// from it the groups that follow: what is left has no value of a dimension that
// the query needs.
type breakdown struct {
	table  *table
	needed []string                   // the dimensions of GroupBy and Where
	wanted map[string]map[string]bool // the values of Where by dimension

	rest    metrics.DayCount // the last total without the groups that followed it
	hasRest bool

	matches map[metrics.Group]match
	groups  map[metrics.Group]*group // by their values without names

	bytes int64 // of matches and groups

	unknown, previousUnknown int64 // events of the range, and of the earlier one
}

// match says how a group of the daily metrics fits the query.
type match struct {
	complete bool // it has all dimensions that are needed
	selected bool // Where selects it
	possible bool // Where may select some of its events
	group    *group
}

func newBreakdown(t *table) *breakdown {
	b := &breakdown{
		table:   t,
		needed:  slices.Clone(t.query.GroupBy),
		wanted:  map[string]map[string]bool{},
		matches: map[metrics.Group]match{},
		groups:  map[metrics.Group]*group{},
	}
	for name, values := range t.query.Where {
		b.needed = append(b.needed, name)
		b.wanted[name] = map[string]bool{}
		for _, v := range values {
			b.wanted[name][v] = true
		}
	}
	return b
}

// add adds a total, or a group of the last total.
func (b *breakdown) add(d *metrics.DayCount) {
	if d.Group == "" {
		b.flush()
		b.rest, b.hasRest = d.Clone(), true
		return
	}
	m := b.match(d.Group)
	if !m.complete || !b.hasRest || b.rest.Day != d.Day || b.rest.Type != d.Type {
		return
	}
	b.rest.Subtract(d)
	if m.possible {
		b.countUnknown(d)
	}
	if m.selected {
		b.table.addTo(m.group, d)
	}
}

// flush adds what is left of the last total.
func (b *breakdown) flush() {
	if !b.hasRest {
		return
	}
	b.hasRest = false
	if b.rest.Count == 0 {
		return
	}
	b.countUnknown(&b.rest)
	if len(b.wanted) == 0 {
		b.table.addTo(b.group(b.allOf(metrics.Unknown)), &b.rest)
	}
}

// countUnknown counts events of which the group is unknown.
func (b *breakdown) countUnknown(d *metrics.DayCount) {
	sum := &b.unknown
	if b.table.previous {
		sum = &b.previousUnknown
	}
	if !b.table.query.needSlots() {
		*sum += d.Count
		return
	}
	if d.Slots == nil {
		return
	}
	for slot, n := range d.Slots.Each() {
		if b.table.slots[slot] != nil {
			*sum += n
		}
	}
}

// match compares a group with the query, once.
func (b *breakdown) match(group metrics.Group) match {
	m, seen := b.matches[group]
	if seen {
		return m
	}
	has := map[string]string{}
	for _, f := range group.Values() {
		has[f.Name] = f.Value
	}
	m.complete = !slices.ContainsFunc(b.needed, func(name string) bool { _, ok := has[name]; return !ok })
	if m.complete {
		m.selected, m.possible = b.selects(has)
	}
	if m.selected {
		values := make([]string, len(b.table.query.GroupBy))
		for i, name := range b.table.query.GroupBy {
			values[i] = has[name]
		}
		m.group = b.group(values)
	}
	b.matches[group] = m
	b.bytes += matchBytes + 2*int64(len(group))
	return m
}

// selects reports whether Where selects values of dimensions. Those that count
// as metrics.Other may be among the wanted ones.
func (b *breakdown) selects(has map[string]string) (selected, possible bool) {
	selected = true
	for name, wanted := range b.wanted {
		if wanted[has[name]] {
			continue
		}
		if has[name] != metrics.Other {
			return false, false
		}
		selected, possible = false, true
	}
	return selected, possible
}

// group returns the group of some values; without GroupBy there is one.
func (b *breakdown) group(values []string) *group {
	if len(values) == 0 {
		return &b.table.total
	}
	fields := make([]metrics.Field, len(values))
	for i := range values {
		fields[i].Value = values[i]
	}
	key := metrics.NewGroup(fields...)
	g := b.groups[key]
	if g == nil {
		g = &group{values: values}
		b.groups[key] = g
	}
	return g
}

// collapse moves the groups that are too many to the group of metrics.Other,
// and returns how many they are. The groups of nothing but Other or Unknown are
// always kept and not counted.
func (b *breakdown) collapse() int {
	ranked := b.ranked()
	most := b.table.query.Top
	if most <= 0 {
		most = DefaultGroups
	}
	if len(ranked) <= most {
		return 0
	}
	other := b.group(b.allOf(metrics.Other))
	moves := map[int]int{} // from column to column
	for _, g := range ranked[most:] {
		for eventType, col := range g.columns {
			moves[col] = b.table.column(eventType, other)
		}
	}
	b.table.move(moves)
	return len(ranked) - most
}

// ranked returns the groups with events that may be collapsed, those with the
// greatest sums first.
func (b *breakdown) ranked() []*group {
	sums := map[*group]int64{}
	for _, p := range b.table.periods {
		for col, bucket := range p.sparse {
			sums[b.table.columns[col].group] += bucket.Count
		}
	}
	delete(sums, b.group(b.allOf(metrics.Other)))
	delete(sums, b.group(b.allOf(metrics.Unknown)))
	return slices.SortedFunc(maps.Keys(sums), func(g, h *group) int {
		return cmp.Or(cmp.Compare(sums[h], sums[g]), slices.Compare(g.values, h.values))
	})
}

// allOf returns the group that has a value in all dimensions.
func (b *breakdown) allOf(value string) []string {
	return slices.Repeat([]string{value}, len(b.table.query.GroupBy))
}

// move adds the buckets of some columns to those of others.
func (t *table) move(columns map[int]int) {
	for from := range columns {
		t.columns[from].collapsed = true
	}
	for _, p := range t.periods {
		for from, b := range maps.Clone(p.sparse) {
			if to, moves := columns[from]; moves {
				delete(p.sparse, from)
				t.used--
				t.bucket(p, to).Merge(b)
			}
		}
	}
}
