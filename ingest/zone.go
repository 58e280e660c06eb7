package ingest

import "time"

// clocks says what the clocks of a zone did at a local time.
type clocks uint8

const (
	regular  clocks = iota
	repeated        // they showed it twice
	skipped         // they never showed it
)

// aroundChange is more than any offset from UTC, in seconds.
const aroundChange = 26 * 60 * 60

// zone turns local times into moments. It remembers the stretch of time that
// the last one lay in, since the next one mostly lies there too.
type zone struct {
	location *time.Location
	// Local times from `from` up to `to` occur once and have this offset.
	from, to, offset int64
}

func newZone(location *time.Location) zone {
	z := zone{location: location}
	if location == time.UTC {
		z.from, z.to = -1<<62, 1<<62
	}
	return z
}

// at returns the moment, in Unix seconds, at which the clocks show a local
// time, which is given as the Unix seconds that it would have in UTC. A time
// that they show twice is the earlier moment. A time that they skip is moved
// forward by as much as they skip.
func (z *zone) at(local int64) (sec int64, c clocks) {
	if local >= z.from && local < z.to {
		return local - z.offset, regular
	}
	return z.search(local)
}

// search looks at each stretch of constant offset around a local time.
func (z *zone) search(local int64) (sec int64, c clocks) {
	found := 0
	before := int64(0)      // the moment by the offset before a change
	last := int64(-1 << 62) // the end of the stretch before
	for t, first := time.Unix(local-aroundChange, 0).In(z.location), true; ; first = false {
		start, end := bounds(t)
		start, last = max(start, last), end
		_, offset := t.Zone()
		moment := local - int64(offset)
		switch {
		case moment >= start && moment < end:
			if found++; found == 1 {
				sec = moment
				z.remember(start, end, int64(offset))
			}
		case moment < start && !first && found == 0 && before >= start:
			return before, skipped
		}
		before = moment
		if end > local+aroundChange {
			break
		}
		t = time.Unix(end, 0).In(z.location)
	}
	switch found {
	case 0: // no zone is like that
		return before, regular
	case 1:
		return sec, regular
	}
	return sec, repeated
}

// remember keeps a stretch without its ends, near which local times may be
// repeated or skipped.
func (z *zone) remember(start, end, offset int64) {
	z.from, z.to, z.offset = start+offset+aroundChange, end+offset-aroundChange, offset
}

// bounds returns the first moment with the offset of t, and the first after
// it with another, or less of the stretch: [time.Time.ZoneBounds] ends one that
// goes over a new year at the new year, and in leap years after 2037 a day
// before, so that this day lies outside of what it returns for it.
func bounds(t time.Time) (start, end int64) {
	start, end = -1<<60, 1<<60
	from, to := t.ZoneBounds()
	if !from.IsZero() {
		start = from.Unix()
	}
	if !to.IsZero() {
		end = to.Unix()
	}
	if end <= t.Unix() {
		end = time.Date(t.UTC().Year()+1, time.January, 1, 0, 0, 0, 0, time.UTC).Unix()
	}
	return start, end
}
