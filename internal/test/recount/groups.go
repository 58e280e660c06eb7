package recount

import (
	"slices"
	"strings"
	"time"
)

// counted returns the events with the values that they count as: a name that
// means something else, a value or a group over the limit count as other.
func (b *Batch) counted() []Event {
	seen := map[string]map[string]bool{}
	groups := map[string]bool{}
	events := slices.Clone(b.Events)
	for i := range events {
		e := &events[i]
		values, group, others := map[string]string{}, e.Time.UTC().Format(time.DateOnly)+"\n"+e.Type+"\n", true
		for _, name := range b.sorted() {
			v := e.Values[name]
			if seen[name] == nil {
				seen[name] = map[string]bool{}
			}
			if v == unknown || v != other && !seen[name][v] && b.MaxValues > 0 && len(seen[name]) >= b.MaxValues {
				v = other
			}
			if v != other {
				seen[name][v], others = true, false
			}
			values[name], group = v, group+v+"\n"
		}
		switch {
		case others || groups[group]:
		case b.MaxGroups > 0 && len(groups) >= b.MaxGroups:
			for name := range values {
				values[name] = other
			}
		default:
			groups[group] = true
		}
		e.Values = values
	}
	return events
}

func (b *Batch) sorted() []string { return slices.Sorted(slices.Values(b.Dimensions)) }

// isBrokenDown reports whether a batch has all dimensions that a query needs.
func (q *Query) isBrokenDown(b *Batch) bool {
	for _, name := range q.GroupBy {
		if !slices.Contains(b.Dimensions, name) {
			return false
		}
	}
	for name := range q.Where {
		if !slices.Contains(b.Dimensions, name) {
			return false
		}
	}
	return true
}

// selects reports whether an event has the wanted values, and whether its values
// are unknown.
func (q *Query) selects(b *Batch, e *Event) (selected, possible bool) {
	if !q.isBrokenDown(b) {
		return len(q.Where) == 0, true
	}
	selected = true
	for name, values := range q.Where {
		switch v := e.Values[name]; {
		case slices.Contains(values, v):
		case v == other:
			selected, possible = false, true
		default:
			return false, false
		}
	}
	return selected, possible
}

// Group returns the name of a group in a [Row].
func Group(values []string) string {
	return strings.Join(append(slices.Clone(values), ""), "\n")
}

// group returns the group of an event.
func (q *Query) group(b *Batch, e *Event) string {
	var values []string
	for _, name := range q.GroupBy {
		v := unknown
		if q.isBrokenDown(b) {
			v = e.Values[name]
		}
		values = append(values, v)
	}
	return Group(values)
}

// collapse adds up the groups that are too many.
func (s *sums) collapse() {
	all := func(value string) string { return strings.Repeat(value+"\n", len(s.GroupBy)) }
	counts := map[string]int64{}
	for _, r := range s.rows {
		if r.Group != all(other) && r.Group != all(unknown) {
			counts[r.Group] += r.Count
		}
	}
	most := s.Top
	if most == 0 {
		most = 1000
	}
	order := ranked(counts)
	kept := order[:min(most, len(order))]
	s.Collapsed = len(order) - len(kept)
	s.rename(func(r *Row) (string, string) {
		if _, ranks := counts[r.Group]; ranks && !slices.Contains(kept, r.Group) {
			return r.Type, all(other)
		}
		return r.Type, r.Group
	})
}
