package metrics

import (
	"fmt"
	"slices"
)

// AllParts returns the Filter for contributions with all their parts.
func AllParts() Filter { return Filter{Slots: true, Subjects: true, Groups: true} }

// SlotsPart returns the Filter for totals with their quarter hours: one of three
// parts that stores keep apart, because they are read at different times. The
// others are SubjectsPart and GroupsPart.
func SlotsPart() Filter { return Filter{Slots: true} }

// SubjectsPart returns the Filter for totals with their subjects.
func SubjectsPart() Filter { return Filter{Subjects: true} }

// GroupsPart returns the Filter for groups with their quarter hours. Groups have
// no subjects.
func GroupsPart() Filter { return Filter{Slots: true, Groups: true} }

// AppendPart appends the encoding of the part of c that q asks for. It does not
// change c.
func (c Contribution) AppendPart(b []byte, q Filter) ([]byte, error) {
	trimmed := make(Contribution, 0, len(c))
	for _, d := range c {
		if q.Groups || d.Group == "" {
			q.Trim(&d)
			trimmed = append(trimmed, d)
		}
	}
	return trimmed.AppendBinary(b)
}

// Groups returns the groups of c without the totals, or nil if there are none.
// The result shares the memory of c.
func (c Contribution) Groups() Contribution {
	isTotal := func(d DayCount) bool { return d.Group == "" }
	if !slices.ContainsFunc(c, func(d DayCount) bool { return d.Group != "" }) {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(c), isTotal)
}

// Dimensions returns the names of the dimensions by which c is broken down, in
// the order of [NewGroup]: those of its first group. It is nil if c has no groups.
func (c Contribution) Dimensions() []string {
	for i := range c {
		if c[i].Group != "" {
			return c[i].Group.dimensions()
		}
	}
	return nil
}

// GroupedBy returns the totals of c and its groups of these dimensions, without
// other groups. The order of the names does not matter. The result shares the
// memory of c.
func (c Contribution) GroupedBy(dimensions []string) Contribution {
	names := slices.Compact(slices.Sorted(slices.Values(dimensions)))
	other := func(d DayCount) bool { return d.Group != "" && !slices.Equal(d.Group.dimensions(), names) }
	if !slices.ContainsFunc(c, other) {
		return c
	}
	return slices.DeleteFunc(slices.Clone(c), other)
}

// WithGroups returns c with each of groups after its total. Both must ascend.
// The result shares the memory of both.
func (c Contribution) WithGroups(groups Contribution) Contribution {
	if len(groups) == 0 {
		return c
	}
	all := make(Contribution, 0, len(c)+len(groups))
	for i := range c {
		for len(groups) > 0 && groups[0].Compare(&c[i]) < 0 {
			all, groups = append(all, groups[0]), groups[1:]
		}
		all = append(all, c[i])
	}
	return append(all, groups...)
}

// Totals returns the totals of c without the groups. The result shares the
// memory of c.
func (c Contribution) Totals() Contribution {
	isGroup := func(d DayCount) bool { return d.Group != "" }
	if !slices.ContainsFunc(c, isGroup) {
		return c
	}
	return slices.DeleteFunc(slices.Clone(c), isGroup)
}

// JoinParts decodes totals whose subjects are encoded apart from the rest, and
// returns the part that q selects. If q does not ask for subjects, they are not
// read. Errors: ErrCorrupt.
func JoinParts(counts, subjects []byte, q Filter) (Contribution, error) {
	asked := q.Subjects
	q.Subjects = false
	c, err := DecodeContribution(counts, q)
	if err != nil || !asked {
		return c, err
	}
	q.Slots, q.Subjects = false, true
	sketches, err := DecodeContribution(subjects, q)
	if err != nil {
		return nil, err
	}
	same := func(x, y DayCount) bool { return x.Compare(&y) == 0 }
	if !slices.EqualFunc(c, sketches, same) {
		return nil, fmt.Errorf("%w: counts and subjects differ", ErrCorrupt)
	}
	for i := range c {
		c[i].Subjects = sketches[i].Subjects
	}
	return c, nil
}

// WithEvents returns c without the DayCounts that count nothing. The result
// shares the memory of c.
func (c Contribution) WithEvents() Contribution {
	empty := func(d DayCount) bool { return d.Count == 0 }
	if !slices.ContainsFunc(c, empty) {
		return c
	}
	return slices.DeleteFunc(slices.Clone(c), empty)
}
