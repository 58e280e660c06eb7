package columnar

import (
	"math"
	"slices"
	"time"
)

// The units of a column of times.
const (
	unitSeconds = iota
	unitMillis
	unitMicros
	unitNanos
	unitSplit // seconds and nanoseconds apart: nanoseconds do not fit
)

// perSecond is indexed by unit.
var perSecond = [...]uint64{1, 1e3, 1e6, 1e9}

func (e *Encoder) appendTimes(dst []byte, b *Buffer) []byte {
	unit := commonUnit(b)
	dst = append(dst, byte(unit))
	if unit == unitSplit {
		dst = appendPlanned(dst, b.seconds, e)
		return appendPlanned(dst, b.nanos, e)
	}
	if unit == unitSeconds {
		return appendPlanned(dst, b.seconds, e)
	}
	times := e.values[:b.Len()]
	per := perSecond[unit]
	for i, s := range b.seconds {
		times[i] = s*per + b.nanos[i]/(1e9/per)
	}
	return appendPlanned(dst, times, e)
}

// commonUnit returns the greatest unit of which all times are multiples.
func commonUnit(b *Buffer) int {
	unit := unitSeconds
	parts := uint64(0)
	for _, n := range b.nanos {
		parts |= n
	}
	if parts == 0 {
		return unit
	}
	for _, n := range b.nanos {
		for unit < unitNanos && n%(1e9/perSecond[unit]) != 0 {
			unit++
		}
	}
	const limit = math.MaxInt64/int64(1e9) - 1
	outside := func(s uint64) bool { return int64(s) > limit || int64(s) < -limit }
	if unit == unitNanos && slices.ContainsFunc(b.seconds, outside) {
		return unitSplit
	}
	return unit
}

func (d *Decoder) readTimes(r *reader) {
	unit := r.byte()
	if unit > unitSplit {
		r.fail("unit of time")
		return
	}
	r.ints(d.seconds)
	if unit == unitSplit {
		r.ints(d.nanos)
		return
	}
	per := int64(perSecond[unit])
	for i, t := range d.seconds {
		s := int64(t) / per
		n := int64(t) % per
		if n < 0 { // before 1970: round down, not towards zero
			s--
			n += per
		}
		d.seconds[i], d.nanos[i] = uint64(s), uint64(n*(1e9/per))
	}
}

func (d *Decoder) time(i int) time.Time {
	return time.Unix(int64(d.seconds[i]), int64(d.nanos[i])).UTC()
}
