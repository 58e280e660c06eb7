package metrics

import (
	"iter"
	"slices"
)

// maxFew is the number of quarter hours in use up to which Slots are a short
// list; above, they are the full array.
const maxFew = 24

// Slots counts events by quarter hour of a UTC day. With few quarter hours in
// use, as most groups have, it takes some tens of bytes, else 768. The zero
// Slots is empty and ready to use. It is not safe for concurrent use.
type Slots struct {
	// few has count<<8|slot of the slots in use, ascending by slot, as long as
	// all is nil.
	few []int64
	all *[SlotsPerDay]int64
}

// newSlots returns the Slots with the counts of an array. It copies them.
func newSlots(counts *[SlotsPerDay]int64) *Slots {
	s := &Slots{}
	for slot, n := range counts {
		if n != 0 {
			s.append(slot, n)
		}
		if s.all != nil {
			*s.all = *counts
			break
		}
	}
	return s
}

// append adds a slot after all others.
func (s *Slots) append(slot int, n int64) {
	if s.all == nil && len(s.few) < maxFew {
		s.few = append(s.few, n<<8|int64(slot))
		return
	}
	s.widen()
	s.all[slot] = n
}

func (s *Slots) widen() {
	if s.all != nil {
		return
	}
	s.all = new([SlotsPerDay]int64)
	for slot, n := range s.Each() {
		s.all[slot] = n
	}
	s.few = nil
}

// Add counts n more events in a slot from 0 to SlotsPerDay-1; n may be
// negative.
func (s *Slots) Add(slot int, n int64) {
	if s.all != nil {
		s.all[slot] += n
		return
	}
	i, found := s.find(slot)
	switch {
	case n == 0:
	case found && s.few[i]>>8 == -n:
		s.few = slices.Delete(s.few, i, i+1)
	case found:
		s.few[i] += n << 8
	case len(s.few) < maxFew:
		s.few = slices.Insert(s.few, i, n<<8|int64(slot))
	default:
		s.widen()
		s.all[slot] += n
	}
}

// find returns the index of a slot in few. As long as times ascend, that is the
// last one or the next.
func (s *Slots) find(slot int) (place int, found bool) {
	if last := len(s.few) - 1; last < 0 || int(s.few[last]&0xff) <= slot {
		found = last >= 0 && int(s.few[last]&0xff) == slot
		if !found {
			last++
		}
		return last, found
	}
	return slices.BinarySearchFunc(s.few, slot, func(e int64, slot int) int { return int(e&0xff) - slot })
}

// Each returns the slots in use, ascending, with their counts.
func (s *Slots) Each() iter.Seq2[int, int64] {
	return func(yield func(int, int64) bool) {
		for _, e := range s.few {
			if !yield(int(e&0xff), e>>8) {
				return
			}
		}
		if len(s.few) > 0 || s.all == nil {
			return
		}
		for slot, n := range s.all {
			if n != 0 && !yield(slot, n) {
				return
			}
		}
	}
}

// Counts returns the count of each slot.
func (s *Slots) Counts() [SlotsPerDay]int64 {
	if s.all != nil {
		return *s.all
	}
	var counts [SlotsPerDay]int64
	for _, e := range s.few {
		counts[e&0xff] = e >> 8
	}
	return counts
}

// merge adds the counts of other, multiplied by sign.
func (s *Slots) merge(other *Slots, sign int64) {
	if other.all != nil {
		s.widen()
		for slot, n := range other.all {
			s.all[slot] += sign * n
		}
		return
	}
	for _, e := range other.few {
		s.Add(int(e&0xff), sign*(e>>8))
	}
}

// Clone returns an independent copy.
func (s *Slots) Clone() *Slots {
	c := &Slots{few: slices.Clone(s.few)}
	if s.all != nil {
		all := *s.all
		c.all = &all
	}
	return c
}

// Equal reports whether both count the same; nil equals nil only.
func (s *Slots) Equal(other *Slots) bool {
	if s == nil || other == nil {
		return s == other
	}
	return s.Counts() == other.Counts()
}
