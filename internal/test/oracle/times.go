package oracle

import (
	"math/big"
	"regexp"
	"sort"
	"strings"
	"time"
)

// stamp is what a time stamp means.
type stamp struct {
	ok       bool
	at       time.Time
	form     string
	local    bool // without a zone
	clock    bool // with a time of day
	skipped  bool
	repeated bool
}

var (
	number    = regexp.MustCompile(`^[0-9]+([.,][0-9]+)?$`)
	jsonPower = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?[eE][+-]?0*[0-9]{1,3}$`)
	yearFirst = regexp.MustCompile(`^[0-9]{4}([-/.])[0-9]{1,2}([-/.])[0-9]{1,2}`)
	yearLast  = regexp.MustCompile(`^([0-9]{1,2})([-/.])([0-9]{1,2})([-/.])[0-9]{4}`)
	afterTime = regexp.MustCompile(`^(AM|PM)? *(Z|UTC|GMT|[+-]([01][0-9]|2[0-3])(:?[0-5][0-9])?)?$`)
	bracket   = regexp.MustCompile(`^(.*(?:Z|UTC|GMT|[+-][0-9:]+))\[[A-Z0-9/_+:-]+\]$`)
	clockPart = regexp.MustCompile(`^[0-9:.,]+`)
)

// parse reads a time stamp; order is dmy or mdy for dates with the year last.
func parse(s string, zone *time.Location, order string, exponent bool) stamp {
	if zone == nil {
		zone = time.UTC
	}
	if number.MatchString(s) || exponent && jsonPower.MatchString(s) {
		return parseNumber(s, zone)
	}
	date, layouts, form := "", []string(nil), ""
	if m := yearFirst.FindStringSubmatch(s); m != nil && m[1] == m[2] {
		date, form, layouts = m[0], "iso_date", []string{"2006-1-2", "2006/1/2", "2006.1.2"}
	} else if m := yearLast.FindStringSubmatch(s); m != nil && m[2] == m[4] {
		date, form = m[0], "numeric"
		if layouts = []string{"2-1-2006", "2/1/2006", "2.1.2006"}; order == "mdy" {
			layouts = []string{"1-2-2006", "1/2/2006", "1.2.2006"}
		}
	} else {
		return stamp{}
	}
	clock, zoned, ok := clockOf(s[len(date):])
	if !ok {
		return stamp{}
	}
	got := stamp{form: form, local: !zoned, clock: clock != ""}
	if form == "iso_date" && got.clock {
		got.form = map[bool]string{true: "iso_zoned", false: "iso_local"}[zoned]
	}
	for _, d := range layouts {
		for _, c := range []string{"", "15:04", "15:04:05", "3:04PM", "3:04:05PM"} {
			for _, z := range []string{"", "Z07:00", "Z0700", "Z07"} {
				at, err := time.Parse(d+" "+c+z, date+" "+clock)
				if err == nil {
					got.ok, got.at = true, at
				}
			}
		}
	}
	if got.ok && got.local {
		got.find(zone)
	}
	return got
}

// clockOf returns the time of day and the zone that follow a date, without
// spaces.
func clockOf(s string) (clock string, zoned, ok bool) {
	if s == "" {
		return "", false, true
	}
	if m := bracket.FindStringSubmatch(upper(s)); m != nil {
		s = m[1]
	}
	s = upper(s)
	if s[0] == 'T' {
		s = s[1:]
	} else if trimmed := strings.TrimLeft(s, " "); trimmed != s {
		s = trimmed
	} else {
		return "", false, false
	}
	clock = clockPart.FindString(s)
	rest := strings.TrimLeft(s[len(clock):], " ")
	m := afterTime.FindStringSubmatch(rest)
	if clock == "" || m == nil {
		return "", false, false
	}
	if m[1] != "" && (strings.HasPrefix(clock, "0:") || strings.HasPrefix(clock, "00:")) {
		return "", false, false
	}
	z := m[2]
	if z == "UTC" || z == "GMT" {
		z = "Z"
	}
	return clock + m[1] + z, z != "", true
}

func upper(s string) string {
	return strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		return c
	}, s)
}

// parseNumber reads Unix time and dates without separators.
func parseNumber(s string, zone *time.Location) stamp {
	s = strings.Replace(s, ",", ".", 1)
	exact, ok := new(big.Rat).SetString(s)
	if !ok {
		return stamp{}
	}
	whole := new(big.Int).Quo(exact.Num(), exact.Denom())
	digits, fraction := "", new(big.Rat).Sub(exact, new(big.Rat).SetInt(whole))
	if number.MatchString(s) {
		digits, _, _ = strings.Cut(s, ".")
	} else {
		digits = whole.String()
	}
	layout, unit, form := "", int64(0), ""
	switch len(digits) {
	case 9, 10:
		unit, form = 1e9, "unix_s"
	case 13:
		unit, form = 1e6, "unix_ms"
	case 16:
		unit, form = 1e3, "unix_us"
	case 19:
		unit, form = 1, "unix_ns"
	case 8:
		layout = "20060102"
	case 12:
		layout = "200601021504"
	case 14:
		layout = "20060102150405"
	default:
		return stamp{}
	}
	if layout == "" {
		exact.Mul(exact, new(big.Rat).SetInt64(unit))
		ns := new(big.Int).Quo(exact.Num(), exact.Denom())
		sec, rest := new(big.Int).DivMod(ns, big.NewInt(1e9), new(big.Int))
		return stamp{ok: true, at: time.Unix(sec.Int64(), rest.Int64()), form: form}
	}
	at, err := time.Parse(layout, digits)
	if err != nil || fraction.Sign() != 0 && len(digits) != 14 {
		return stamp{}
	}
	fraction.Mul(fraction, new(big.Rat).SetInt64(1e9))
	ns := new(big.Int).Quo(fraction.Num(), fraction.Denom()).Int64()
	got := stamp{ok: true, at: at.Add(time.Duration(ns)), form: "compact", local: true, clock: len(digits) > 8}
	got.find(zone)
	return got
}

// find replaces a local time, which at has as if it were UTC, by its moment.
func (s *stamp) find(zone *time.Location) {
	wall := s.at
	var hits []time.Time
	offsets := map[int]bool{}
	for at := wall.Add(-50 * time.Hour); at.Before(wall.Add(50 * time.Hour)); at = at.Add(15 * time.Minute) {
		_, offset := at.In(zone).Zone()
		offsets[offset] = true
	}
	for offset := range offsets {
		at := wall.Add(-time.Duration(offset) * time.Second)
		if _, now := at.In(zone).Zone(); now == offset {
			hits = append(hits, at)
		}
	}
	sort.Slice(hits, func(i, j int) bool { return hits[i].Before(hits[j]) })
	if len(hits) > 0 {
		s.at, s.repeated = hits[0], len(hits) > 1
		return
	}
	// No clock showed it: there is a change over which the clocks moved from
	// before it to after it. With the offset before the change, it lies behind
	// the change by as much as the clocks had not shown yet.
	s.skipped = true
	for at := wall.Add(-50 * time.Hour); ; at = at.Add(time.Second * 900) {
		_, before := at.In(zone).Zone()
		next := at.Add(15 * time.Minute)
		_, after := next.In(zone).Zone()
		if before != after && !at.Add(time.Duration(before)*time.Second).After(wall) && next.Add(time.Duration(after)*time.Second).After(wall) {
			s.at = wall.Add(-time.Duration(before) * time.Second)
			return
		}
		if at.After(wall.Add(50 * time.Hour)) {
			panic("oracle: no change of the clocks at " + wall.String() + " in " + zone.String())
		}
	}
}
