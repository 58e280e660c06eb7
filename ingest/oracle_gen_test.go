package ingest_test

import (
	"encoding/binary"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
)

func order16(kind string) binary.ByteOrder {
	if kind == "utf-16le" {
		return binary.LittleEndian
	}
	return binary.BigEndian
}

// fromUTF8 encodes a text without the characters that the encoding lacks.
func fromUTF8(kind, text string) []byte {
	e := map[string]encoding.Encoding{"windows-1252": charmap.Windows1252, "shift_jis": japanese.ShiftJIS}[kind]
	if e == nil {
		return []byte(text)
	}
	var b []byte
	for _, c := range text {
		if one, err := e.NewEncoder().Bytes([]byte(string(c))); err == nil {
			b = append(b, one...)
		}
	}
	return b
}

// dice draw at random. Those of rapid prefer small numbers, and so files with
// one defect only would be few.
type dice struct {
	*rand.Rand
	form, unit int      // of most times of a file
	days       []string // that matter
}

// between draws a number from low to high.
func (g *dice) between(low, high int) int { return low + g.IntN(high-low+1) }

// rare draws true in one of n cases.
func (g *dice) rare(n int) bool { return g.IntN(n) == 0 }

func pick[T any](g *dice, list []T) T { return list[g.IntN(len(list))] }

func oneOf(g *dice, texts ...string) string { return pick(g, texts) }

func shuffled(g *dice, list []string) []string {
	list = slices.Clone(list)
	g.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}

// drawClock draws a time of day with or without a zone, to stand after a date.
func drawClock(g *dice) string {
	if g.rare(5) {
		return oneOf(g, "", "", "", "Z", " ", " UTC")
	}
	bad := -1 // the part that may be wrong
	if g.rare(6) {
		bad = g.between(0, 8)
	}
	s := ""
	for i, part := range []struct{ good, wrong []string }{
		{[]string{"T", "T", " ", " ", "  ", "t"}, []string{"_", "\t", "", "  T", "\u202f"}},
		{[]string{"09", "9", "02", "2", "01", "00", "12", "11"}, []string{"24", "25", "13", "0", "", "123"}},
		{[]string{":00", ":30", ":59", ":15"}, []string{":5", ":60", ".30", ": 30", ":"}},
		{[]string{":00", ":07", "", "", ":59"}, []string{":60", ":7", ":61", ".5", ":"}},
		{[]string{"", "", "", ""}, []string{".5", ",25", ".1234567899", ".", ".000", "5"}},
		{[]string{"", "", "", "", "", " AM", " PM", "pm", "am", "  Pm"}, []string{" a", "p", " A M", "AMM", "AM PM"}},
		{[]string{"", "", "", " ", "  "}, []string{"\t", "\u00a0", "_"}},
		{[]string{"Z", "", "", "", "z", "UTC", "gmt", "+01:00", "-0530", "+02", "-00:00", "+14:00", "+2359"}, []string{"+24:00", "+01:60", "EST", "+1", "+0100:", "Zx", "+", "-1:00", "UTC+1", "zz", "+010", "+01000"}},
		{[]string{"", "", "", "", "", "", "[Europe/Berlin]", "[America/New_York]", "[Etc/GMT-3]"}, []string{" [UTC]", "[]", "[x", "]", "[a b]", "[é]", "[UTC][UTC]", "[UTC]x"}},
	} {
		if i == 4 && s != "" && strings.Count(s, ":") == 2 && g.rare(3) {
			s += oneOf(g, ".5", ",25", ".1234567899", ".000", ".999999999")
		}
		if i == bad {
			s += pick(g, part.wrong)
		} else {
			s += pick(g, part.good)
		}
	}
	return s
}

// changes are dates on which the clocks of the zones of the law change.
var changes = map[string][]string{
	"Europe/Berlin":       {"2025-03-30", "2025-10-26", "2041-01-01", "2040-12-31"},
	"America/New_York":    {"2025-03-09", "2025-11-02"},
	"Australia/Lord_Howe": {"2025-04-06", "2025-10-05"},
	"Pacific/Apia":        {"2011-12-30", "2011-12-31", "2011-12-29"},
	"America/Sao_Paulo":   {"2018-11-04", "2018-02-18", "2018-02-17"},
	"Africa/Monrovia":     {"1972-01-07"},
}

var limitDays = []string{"2024-02-29", "2025-02-29", "1970-01-01", "1971-01-01", "2099-12-31", "2100-01-01", "2040-12-31", "2041-01-01", "2825-01-01"}

func drawTime(g *dice) string {
	at := time.Date(2025, time.Month(g.between(1, 12)), g.between(1, 31), 9, 5, 7, 123456789, time.UTC)
	form, unit := g.form, g.unit
	if g.rare(5) {
		form, unit = g.between(0, 12), g.between(0, 3)
	}
	switch form {
	case 0, 1, 2, 3:
		return at.Format("2006-01-02T15:04:05Z")
	case 4:
		return pick(g, g.days) + drawClock(g)
	case 5:
		return at.Format(oneOf(g, "2006-01-02", "2006/1/2", "2006.01.02", "2006-1/2", "06-1-2", "2006-01-2")) + drawClock(g)
	case 6:
		return at.Format(oneOf(g, "2/1/2006", "2/1/2006", "02.01.2006", "2-1-2006")) + drawClock(g)
	case 7:
		return at.Format(oneOf(g, "1/2/2006", "1/2/2006", "01/02/2006", "01.02.2006", "1-2-2006", "1-2-2006", "1/2/06", "1/2-2006")) + drawClock(g)
	case 8:
		return oneOf(g, "20251108", "202511080905", "20251108090507", "20251308", "251108", "20251108.0", "20251108.5", "202511080905.0", "202511080905.5", "20251108090507.25", "2025110809", "20251108240000", "20251026023000")
	case 9, 10:
		unix := at.UnixNano() / int64([]int{1, 1e3, 1e6, 1e9}[unit])
		return strconv.FormatInt(unix, 10) + oneOf(g, "", "", "", "", "", "", ".0", ".5", ".1234567899", ".", "e0", "e3", ",5")
	case 11:
		return oneOf(g, "1.7625924e12", "1.7625924E+9", "17625924e2", "1e9", "999999999", "0", "-5", "1762592400000e-3", "1762592400123e-2", "1762592400125.5e-3", "1.5e300", "1e-5", "45969.375", "9223372036854775807", "9999999999999999999", "0000000001", "2.0251108e7", "2e19", "0.17625924e10", "4102444800", "9999999999999")
	default:
		return oneOf(g, "", " ", "soon", `\N`, "null", "2025", "2025-11", "31/02/2025", "13/13/2025", "5/5/2025", "32/01/2025", "01/32/2025", "0/1/2025", "03/04/2025", "2025-11-08T09:00:00Z x", "２０２５-11-08")
	}
}

func drawText(g *dice) string {
	s := oneOf(g, "a", "b", "C1", "", "long one", "é", "テスト", "🎉", `\N`, "null", "N/A", "NaN", "none", "#n/a", "0", "7", "-3.5", "1e3", "'", "'=x", "=1", "x;'=1", "'＝1", "a;''\"@",
		"x y", "event_type", "timestamp", "\ufffd", "a\u200db", "café", "x,y", `x"y`, "two\nlines", "two\r\nlines", "\r", "\n", "a\rb", `\n`, "0x10", ".5", "5.", "+4", "Infinity")
	if g.rare(20) {
		s = strings.Repeat(s+"x", g.between(1, 40))
	}
	pads := []string{"", "", "", "", "", " ", "\u00a0", "\u200b", "\ufeff", "\t", "\u3000", "\u2028", "\u00ad", "\u200e", "\u061c", "\u2800"}
	return oneOf(g, pads...) + s + oneOf(g, pads...)
}

// drawCSV draws a file with a header and rows, mostly in one dialect.
func drawCSV(g *dice) string {
	g.form, g.unit = g.between(0, 12), g.between(0, 3)
	var b strings.Builder
	delimiter := oneOf(g, ",", ",", ";", "\t", "|")
	end := oneOf(g, "\n", "\n", "\n", "\r\n", "\r")
	if g.rare(7) {
		b.WriteString(oneOf(g, "sep="+delimiter, "sep="+delimiter, "sep="+delimiter, "SEP="+delimiter, "sep="+delimiter+delimiter+delimiter, "sep=;", `"sep=`+delimiter+`"`, "sep="+delimiter+delimiter+delimiter) + end)
	}
	for range pick(g, []int{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 5, 10, 17, 18, 19, 20, 21, 22}) {
		b.WriteString(oneOf(g, "# export", "Report", "", "", delimiter+delimiter, `by "ops"`, `"`, "who", "a"+delimiter+"b", " ") + end)
	}
	header := []string{"who", "event_type", "timestamp"}
	extras := shuffled(g, []string{"note", "event_id", "n", "Note", "", "note_2", "column_5", "x\ny", "é", "_row", "column_4", "ſ", "x", "y", "'=x"})
	header = append(header, extras[:pick(g, []int{0, 0, 1, 2, 3, 4})]...)
	if g.rare(5) {
		header = append(header, oneOf(g, "note", "event_id", "event_id", "x", "x", "", "who", "y"))
	}
	header = shuffled(g, header)
	if g.rare(15) {
		header = append(header, "_row", "_line", "_column", "_code", "_message")
	}
	if g.rare(40) {
		header = header[1:]
	}
	trailing := oneOf(g, "", "", "", "", delimiter)
	writeLine := func(cells []string) {
		for i, c := range cells {
			if i > 0 {
				b.WriteString(delimiter)
			}
			b.WriteString(drawQuoted(g, c, delimiter))
		}
		b.WriteString(trailing)
		b.WriteString(end)
	}
	for i, name := range header {
		header[i] = oneOf(g, name, name, name, strings.ToUpper(name), " "+name, name+"\u00a0")
	}
	writeLine(header)
	for range g.between(0, 12) {
		switch g.between(0, 30) {
		case 0:
			b.WriteString(oneOf(g, "", " ", strings.Repeat(delimiter, len(header)-1), strings.Repeat(delimiter, 12), `""`, `""`+delimiter+`""`, "\"\n\"", "\u00a0", " \""+end) + end)
		case 1:
			writeLine(header)
		case 2:
			if g.rare(8) {
				writeLine(shuffled(g, header)[g.between(0, 1):])
			}
		case 3:
			b.WriteString(oneOf(g, `"`, `a"b`, `"a"b`, ` "a"`, delimiter, "x", `"x`+end+`y`, "who"+delimiter+"event_type") + end)
		case 4: // two stray quotes with rows between them
			b.WriteString(`"`)
			for range g.between(1, 3) {
				writeLine(drawCells(g, header))
			}
			text := strings.TrimSuffix(b.String(), end)
			b.Reset()
			b.WriteString(text + `"` + oneOf(g, "", delimiter, delimiter+"x") + end)
		default:
			writeLine(drawCells(g, header))
		}
	}
	text := b.String()
	if g.rare(4) {
		text = text[:len(text)-g.between(1, min(4, len(text)))]
	}
	return text
}

// drawCells draws a row, mostly a right one.
func drawCells(g *dice, header []string) []string {
	var cells []string
	for _, name := range header {
		switch strings.ToLower(strings.Trim(name, " \u00a0")) {
		case "timestamp":
			cells = append(cells, drawTime(g))
		case "event_id":
			cells = append(cells, oneOf(g, "1", "1", "2", "3", "", `\N`, "null", "N/A", "nil ", "NULL", "x"))
		case "who", "event_type":
			if g.rare(40) {
				cells = append(cells, "")
			} else if !g.rare(5) {
				cells = append(cells, oneOf(g, "C1", "C1", "C2", "a", "b", "b", "c", "D", "E", "F", "G"))
			} else {
				cells = append(cells, drawText(g))
			}
		default:
			cells = append(cells, drawText(g))
		}
	}
	switch g.between(0, 16) {
	case 0:
		cells = cells[:g.between(0, len(cells))]
	case 1:
		cells = append(cells, oneOf(g, "", "", " ", "x", `\N`))
	case 2:
		cells = append(cells, "", "")
	}
	return cells
}

// drawQuoted writes a cell, in quotes where they are needed or at random.
func drawQuoted(g *dice, cell, delimiter string) string {
	need := strings.ContainsAny(cell, "\"\r\n"+delimiter)
	if g.rare(90) {
		return oneOf(g, `"`+cell, cell+`"`, cell, `"`+cell+`"x`, ` "`+cell+`"`)
	}
	if need || g.rare(6) {
		return `"` + strings.ReplaceAll(cell, `"`, `""`) + `"`
	}
	return cell
}

// drawNDJSON draws lines of JSON, mostly flat objects.
func drawNDJSON(g *dice) string {
	g.form, g.unit = g.between(0, 12), g.between(0, 3)
	var b strings.Builder
	end := oneOf(g, "\n", "\n", "\r\n", "\r")
	for range g.between(0, 12) {
		if g.rare(15) {
			b.WriteString(oneOf(g, "", " ", "null", "[]", "{}", "7", `{"a":1} {}`, `{"a":1`, "\u00a0", `"x"`, `{"a":01}`, `{,}`, `{"a" 1}`) + end)
			continue
		}
		var members []string
		add := func(name, v string) {
			space := oneOf(g, "", "", "", " ", "\t")
			members = append(members, quote(oneOf(g, name, name, name, strings.ToUpper(name), " "+name))+space+":"+space+v)
		}
		add("who", drawPlainJSON(g))
		add("event_type", drawPlainJSON(g))
		if at := drawTime(g); g.rare(2) && json.Valid([]byte(at)) {
			add("timestamp", at)
		} else {
			add("timestamp", quote(at))
		}
		for range pick(g, []int{0, 0, 1, 1, 2, 5}) {
			add(oneOf(g, "note", "n", "event_id", "event_id", "x", "y", "z", "Note", "é", "ü", "q", "x", "note", oneOf(g, "", "who", strings.Repeat("x", 70))), drawJSON(g))
		}
		if g.rare(9) {
			members = members[1:]
		}
		b.WriteString("{" + strings.Join(shuffled(g, members), oneOf(g, ",", ", ")) + "}" + end)
	}
	text := b.String()
	if text != "" && g.rare(4) {
		text = text[:len(text)-g.between(1, min(4, len(text)))]
	}
	return text
}

func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// drawPlainJSON draws what mostly is a value.
func drawPlainJSON(g *dice) string {
	if g.rare(8) {
		return drawJSON(g)
	}
	return quote(oneOf(g, "C1", "a", "b", "c", "é", "x y", " d"))
}

func drawJSON(g *dice) string {
	switch g.between(0, 9) {
	case 0:
		return oneOf(g, "1", "12345678901234567890", "-0", "1.50", "1e3", "1E-2", "7")
	case 1:
		return oneOf(g, "true", "false", "null", "nul", "True")
	case 2:
		return oneOf(g, "{}", "[]", `{"a":{"b":[1,"}"]}}`, `[1,2]`, `{"a":1,"a":2}`, `["\ud800"]`, `[1,]`, `{"a"}`)
	case 3:
		return oneOf(g, `"\ud83d\ude00"`, `"\ud800"`, `"\udc00"`, `"\\ud800"`, `"\u0000"`, `"\ufffd"`, `"a\nb"`, `"\x"`, `"\u00e9"`, `"\u00a0x\u200b"`, `"\ud83dx\ude00"`, `"\u00"`, `"\/"`, `"\\N"`)
	default:
		return quote(drawText(g))
	}
}
