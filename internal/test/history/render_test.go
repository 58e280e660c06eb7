package history_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
)

// dialect is how a file is written.
type dialect struct {
	columns   []string
	delimiter string
	lineEnd   string
	quote     int // the share of values in quotes without need, per cent
	clock     func(time.Time) string
	rng       *rand.Rand
}

// render writes the file in a random dialect and says how it is understood.
func (f *file) render(rng *rand.Rand) {
	d := &dialect{rng: rng, delimiter: pick(rng, []string{",", ";", "\t", "|"}), lineEnd: pick(rng, []string{"\n", "\r\n"}), quote: pick(rng, []int{0, 0, 30})}
	names := namesOf(f.schema)
	d.columns = []string{"candidate_id", names.kind, names.at, "test_id", "country", "device"}
	if f.schema == "visits" {
		d.columns = append(d.columns, "score")
	}
	if f.withIDs {
		d.columns = append(d.columns, names.id)
	}
	rng.Shuffle(len(d.columns), func(i, j int) { d.columns[i], d.columns[j] = d.columns[j], d.columns[i] })
	f.ndjson = chance(rng, 20) && !slices.ContainsFunc(f.rows, func(r row) bool { return r.tooMany })
	f.reading = reading{Format: "csv", Delimiter: d.delimiter, Encoding: "utf-8"}
	if f.ndjson {
		f.reading.Format, f.reading.Delimiter, d.lineEnd = "ndjson", "", "\n"
	}
	f.chooseClock(d)
	var b strings.Builder
	line := 1
	if !f.ndjson {
		b.WriteString(strings.Join(d.columns, d.delimiter) + d.lineEnd)
		line++
	}
	for i := range f.rows {
		f.lines = append(f.lines, line)
		b.WriteString(d.row(&f.rows[i], f))
		line++
	}
	f.encode(rng, b.String())
}

// zones are those of times without one.
var zones = []string{"", "UTC", "Asia/Kathmandu", "Europe/Berlin", "America/New_York"}

// chooseClock chooses how times are written.
func (f *file) chooseClock(d *dialect) {
	zoned := func(form string, zone *time.Location) func(time.Time) string {
		return func(t time.Time) string { return t.In(zone).Format(form) }
	}
	switch d.rng.IntN(7) {
	case 0:
		d.clock = zoned(time.RFC3339, time.UTC)
	case 1:
		d.clock = zoned("2006/01/02 15:04:05 -0700", time.FixedZone("", 5*3600+45*60))
	case 2:
		d.clock = func(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }
	case 3:
		d.clock = func(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }
	case 4:
		f.chooseLocal(d, "2006-01-02T15:04:05")
	case 5:
		f.chooseLocal(d, "20060102150405")
	case 6:
		f.options.layout = pick(d.rng, []string{"dmy", "mdy"})
		form := map[string]string{"dmy": "02/01/2006 15:04:05", "mdy": "01-02-2006 15:04:05"}[f.options.layout]
		f.chooseLocal(d, form)
		f.reading.DateOrder = f.options.layout
		shown := slices.ContainsFunc(f.rows, func(r row) bool { return r.code == "" && r.at.In(f.zone()).Day() > 12 })
		if shown && chance(d.rng, 50) {
			f.options.layout = "" // the file shows it
		}
	}
}

// chooseLocal writes times without a zone, unless a clock would show one of
// them twice.
func (f *file) chooseLocal(d *dialect, form string) {
	f.options.zone = pick(d.rng, zones)
	zone := f.zone()
	for i := range f.rows {
		local := f.rows[i].at.In(zone)
		shown := local.Add(time.Hour).Format(form)
		if local.Add(-time.Hour).Format(form) == local.Format(form) || shown == local.Format(form) {
			f.options.zone, zone = "", time.UTC
			break
		}
	}
	f.reading.TimeZone = zone.String()
	d.clock = func(t time.Time) string { return t.In(zone).Format(form) }
}

// zone is that of times without one.
func (f *file) zone() *time.Location {
	zone, err := time.LoadLocation(f.options.zone)
	if err != nil {
		panic(err)
	}
	return zone
}

// row writes a row.
func (d *dialect) row(r *row, f *file) string {
	values := make([]string, len(d.columns))
	for i, name := range d.columns {
		values[i] = d.value(r, f, name)
	}
	if f.ndjson {
		return d.object(values) + d.lineEnd
	}
	for i, v := range values {
		if strings.ContainsAny(v, d.delimiter+"\"\r\n") || chance(d.rng, d.quote) {
			values[i] = `"` + strings.ReplaceAll(v, `"`, `""`) + `"`
		}
	}
	if r.tooMany {
		values = append(values, "more")
	}
	return strings.Join(values, d.delimiter) + d.lineEnd
}

// value returns the value of a column.
func (d *dialect) value(r *row, f *file, column string) string {
	names := namesOf(f.schema)
	if r.column == column {
		switch r.code {
		case "missing_value":
			return ""
		case "bad_timestamp":
			return "soon"
		case "bad_score":
			return "11"
		}
	}
	switch column {
	case "candidate_id":
		return r.subject
	case names.kind:
		return r.kind
	case names.at:
		return d.clock(r.at)
	case names.id:
		return r.id
	}
	return r.values[column]
}

func (d *dialect) object(values []string) string {
	parts := make([]string, len(values))
	for i, name := range d.columns {
		key, _ := json.Marshal(name)
		value, _ := json.Marshal(values[i])
		if _, err := strconv.Atoi(values[i]); err == nil && chance(d.rng, 50) && values[i][0] != '0' {
			value = []byte(values[i])
		}
		parts[i] = fmt.Sprintf("%s:%s", key, value)
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// encode writes the text in one of the encodings.
func (f *file) encode(rng *rand.Rand, text string) {
	switch rng.IntN(8) {
	case 0:
		f.content = append([]byte("\ufeff"), text...)
	case 1:
		f.reading.Encoding = "utf-16"
		for _, unit := range append([]uint16{0xFEFF}, utf16.Encode([]rune(text))...) {
			f.content = binary.LittleEndian.AppendUint16(f.content, unit)
		}
	case 2:
		f.reading.Encoding, f.options.encoding = "windows-1252", "windows-1252"
		for _, r := range text {
			f.content = append(f.content, byte(r)) // all of them are Latin-1
		}
	default:
		f.content = []byte(text)
	}
}
