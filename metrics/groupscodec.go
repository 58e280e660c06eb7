package metrics

import "encoding/binary"

// appendGroups appends an encoding of totals and groups. It has no number of
// DayCounts: they go to the end.
func (c Contribution) appendGroups(b []byte) []byte {
	b = append(b, groupsVersion)
	var last DayCount
	for i := range c {
		d := &c[i]
		b = binary.AppendVarint(b, int64(d.Day-last.Day))
		b = appendChanged(b, last.Type, d.Type)
		b = appendChanged(b, string(last.Group), string(d.Group))
		b = d.appendParts(b)
		last = *d
	}
	return b
}

// appendChanged appends a string as the number of bytes that it has in common
// with the one before, and the others.
func appendChanged(b []byte, last, s string) []byte {
	same := 0
	for same < min(len(last), len(s)) && last[same] == s[same] {
		same++
	}
	b = binary.AppendUvarint(b, uint64(same))
	b = binary.AppendUvarint(b, uint64(len(s)-same))
	return append(b, s[same:]...)
}

// groups reads what appendGroups has written behind the version.
func (r *decoder) groups(q Filter) (Contribution, error) {
	var c Contribution
	var day Day
	var eventType, group changing
	for len(r.b) > 0 {
		day += Day(r.varint())
		r.changed(&eventType)
		r.changed(&group)
		needed := q.Match(day, eventType.string()) && (q.Groups || len(group.now) == 0)
		d := DayCount{Day: day}
		if needed {
			d.Type, d.Group = eventType.string(), Group(group.string())
		}
		if r.parts(&d, &q, needed); r.err != nil {
			return nil, r.err
		}
		if needed {
			c = append(c, d)
		}
	}
	return c, r.err
}

// changing is a string that is read as what differs from the one before.
type changing struct {
	now  []byte
	text string
	made bool // text is now
}

func (c *changing) string() string {
	if !c.made {
		c.text, c.made = string(c.now), true
	}
	return c.text
}

func (r *decoder) changed(s *changing) {
	same := r.uvarint()
	rest := r.sized()
	if same > uint64(len(s.now)) {
		r.fail()
		return
	}
	if same < uint64(len(s.now)) || len(rest) > 0 {
		s.now, s.made = append(s.now[:same], rest...), false
	}
}
