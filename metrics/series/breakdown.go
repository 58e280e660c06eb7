package series

import (
	"cmp"
	"slices"

	"github.com/eventmetrics/eventmetrics/metrics"
)

// MaxGroups is the greatest number of groups that an answer names.
const MaxGroups = 1000

// Result is what there is to say to a [Query].
type Result struct {
	// Buckets ascend by start, then type, then group.
	Buckets []Bucket
	// Unattributed is the number of events whose values of the dimensions of
	// GroupBy and Where are not known: those that are not broken down by them
	// and, of a dimension in Where, those that count as [Other] of it and might
	// be of a value that is asked for. Without Where they are in the buckets,
	// under [Unknown]; with it they are left out.
	Unattributed int64
	// PreviousUnattributed is the same of the earlier range.
	PreviousUnattributed int64
	// Collapsed is the number of groups that count under Other because there are
	// more than Query.MaxGroups.
	Collapsed int
	// Finality says whether the result can be expected to stay as it is.
	Finality Finality
}

// slicer gives what a grouper adds to groups.
type slicer struct {
	g      *grouper
	needed []string // dimensions of GroupBy and Where
	wanted map[string]map[string]bool

	total   metrics.DayCount // the last one, less the groups that came
	pending bool

	verdicts map[metrics.Group]verdict
	places   map[metrics.Group]int // of the values of GroupBy in values
	values   [][]string

	unattributed [2]int64 // of the range, and of the earlier one
}

// verdict says what to do with a group.
type verdict struct {
	known bool // it has all dimensions that are needed
	keep  bool
	maybe bool // it might be one to keep
	group int
}

func newSlicer(g *grouper) *slicer {
	s := &slicer{g: g, wanted: map[string]map[string]bool{}, verdicts: map[metrics.Group]verdict{}, places: map[metrics.Group]int{}}
	s.needed = slices.Clone(g.series.GroupBy)
	for name, values := range g.series.Where {
		s.needed = append(s.needed, name)
		s.wanted[name] = map[string]bool{}
		for _, v := range values {
			s.wanted[name][v] = true
		}
	}
	return s
}

// add takes a total, or one of the groups behind it.
func (s *slicer) add(d *metrics.DayCount) {
	if d.Group == "" {
		s.flush()
		s.total, s.pending = d.Clone(), true
		return
	}
	v := s.judge(d.Group)
	if !v.known || !s.pending || s.total.Day != d.Day || s.total.Type != d.Type {
		return
	}
	s.total.Subtract(d)
	if v.maybe {
		s.leaveOut(d)
	}
	if v.keep {
		s.g.addTo(d, s.g.number(d.Type, v.group))
	}
}

// flush adds what no group had of the last total.
func (s *slicer) flush() {
	if !s.pending {
		return
	}
	s.pending = false
	if s.total.Count == 0 {
		return
	}
	s.leaveOut(&s.total)
	if len(s.g.series.Where) == 0 {
		values := slices.Repeat([]string{metrics.Unknown}, len(s.g.series.GroupBy))
		s.g.addTo(&s.total, s.g.number(s.total.Type, s.place(values)))
	}
}

// leaveOut counts events whose group is not known.
func (s *slicer) leaveOut(d *metrics.DayCount) {
	n := &s.unattributed[0]
	if s.g.back {
		n = &s.unattributed[1]
	}
	if !s.g.series.needSlots() {
		*n += d.Count
		return
	}
	if d.Slots == nil {
		return
	}
	for slot, count := range d.Slots.Each() {
		if s.g.places[slot] != nil {
			*n += count
		}
	}
}

// judge says what to do with a group, which it looks at once.
func (s *slicer) judge(group metrics.Group) verdict {
	v, seen := s.verdicts[group]
	if seen {
		return v
	}
	has := map[string]string{}
	for _, f := range group.Values() {
		has[f.Name] = f.Value
	}
	v.known = !slices.ContainsFunc(s.needed, func(name string) bool { _, ok := has[name]; return !ok })
	if v.known {
		v.keep, v.maybe = s.match(has)
	}
	if v.keep {
		values := make([]string, len(s.g.series.GroupBy))
		for i, name := range s.g.series.GroupBy {
			values[i] = has[name]
		}
		v.group = s.place(values)
	}
	s.verdicts[group] = v
	return v
}

// match reports whether a group has values that are wanted, or might have.
func (s *slicer) match(has map[string]string) (keep, maybe bool) {
	keep = true
	for name, wanted := range s.wanted {
		if wanted[has[name]] {
			continue
		}
		if has[name] != metrics.Other {
			return false, false
		}
		keep, maybe = false, true
	}
	return keep, maybe
}

// place returns the place of a group's values.
func (s *slicer) place(values []string) int {
	fields := make([]metrics.Field, len(values))
	for i := range values {
		fields[i].Value = values[i]
	}
	key := metrics.NewGroup(fields...)
	at, known := s.places[key]
	if !known {
		at = len(s.values)
		s.places[key] = at
		s.values = append(s.values, values)
	}
	return at
}

// fold moves the groups that are too many to that of Other and returns how
// many they are. Those of Other and Unknown alone are not among them.
func (s *slicer) fold(most int) int {
	sums := make([]int64, len(s.values))
	for _, at := range s.g.groups {
		for number, b := range at.few {
			sums[s.g.names[number].group] += b.Count
		}
	}
	var ranked []int
	for at, values := range s.values {
		if !allAre(values, metrics.Other) && !allAre(values, metrics.Unknown) {
			ranked = append(ranked, at)
		}
	}
	if len(ranked) <= most {
		return 0
	}
	slices.SortFunc(ranked, func(a, b int) int {
		return cmp.Or(cmp.Compare(sums[b], sums[a]), slices.Compare(s.values[a], s.values[b]))
	})
	gone := make([]bool, len(s.values)+1)
	for _, at := range ranked[most:] {
		gone[at] = true
	}
	other := s.place(slices.Repeat([]string{metrics.Other}, len(s.g.series.GroupBy)))
	to := map[int]int{}
	for number := range len(s.g.names) {
		if gone[s.g.names[number].group] {
			to[number] = s.g.number(s.g.names[number].text, other)
		}
	}
	s.g.move(to)
	return len(ranked) - most
}

func allAre(values []string, value string) bool {
	return !slices.ContainsFunc(values, func(v string) bool { return v != value })
}
