package httpapi

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/ingest/charset"
	"github.com/eventmetrics/eventmetrics/internal/text/clip"
	"github.com/eventmetrics/eventmetrics/metrics"
)

// maxMistakes bounds the mistakes that one answer lists.
const maxMistakes = 10

// params reads the parameters of a query string. It collects the mistakes, and
// the names that were read: any other name is unknown. A handler reads all of
// its parameters, calls err, and only then begins to work.
//
// Every getter but texts and prefixed takes a parameter that is given once, and
// treats an empty value as absent.
type params struct {
	query url.Values
	read  []string // names, in the order in which they were read
	open  string   // prefix of the names that prefixed has read
	wrong []string // mistakes, in the same order
}

func newParams(r *http.Request) *params { return &params{query: r.URL.Query()} }

// noParams returns a handler for requests that have no parameters.
func noParams(serve handlerFunc) handlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := newParams(r).err(); err != nil {
			return err
		}
		return serve(w, r)
	}
}

// err returns a problem with all mistakes, or nil if there are none.
func (p *params) err() error {
	wrong := append(slices.Clone(p.wrong), p.noText()...)
	if unknown := p.unknown(); unknown != "" {
		wrong = append(wrong, unknown)
	}
	if len(wrong) == 0 {
		return nil
	}
	if more := len(wrong) - maxMistakes; more > 0 {
		wrong = append(wrong[:maxMistakes:maxMistakes], fmt.Sprintf("and %d more mistakes", more))
	}
	return badRequest(strings.Join(wrong, "; "))
}

// noText describes the parameters that are no text: stores have no such strings.
func (p *params) noText() (wrong []string) {
	for _, name := range slices.Sorted(maps.Keys(p.query)) {
		values := p.query[name]
		if !clip.IsText(name) || slices.ContainsFunc(values, func(v string) bool { return !clip.IsText(v) }) {
			wrong = append(wrong, fmt.Sprintf("%.40q: want UTF-8 without NUL", name))
		}
	}
	return wrong
}

// unknown describes the parameters that were given and not read. They are
// refused and not ignored: a misspelt dry_run would store the file.
func (p *params) unknown() string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(p.query)) {
		if !slices.Contains(p.read, name) && (p.open == "" || !strings.HasPrefix(name, p.open)) {
			names = append(names, fmt.Sprintf("%.40q", name))
		}
	}
	if len(names) == 0 {
		return ""
	}
	noun := "unknown parameter "
	if len(names) > 1 {
		noun = "unknown parameters "
	}
	if len(p.read) == 0 {
		return noun + list(names) + "; there are none here"
	}
	return noun + list(names) + "; there are " + strings.Join(p.read, ", ")
}

// list joins names, at most maxMistakes of them.
func list(names []string) string {
	if len(names) > maxMistakes {
		names = append(names[:maxMistakes:maxMistakes], "...")
	}
	return strings.Join(names, ", ")
}

func (p *params) fail(format string, args ...any) {
	p.wrong = append(p.wrong, fmt.Sprintf(format, args...))
}

// text returns the value of a parameter, or "".
func (p *params) text(name string) string {
	p.read = append(p.read, name)
	if len(p.query[name]) > 1 {
		p.fail("%s: give it once", name)
		return ""
	}
	return p.query.Get(name)
}

// texts returns the values of a parameter that may be repeated.
func (p *params) texts(name string) []string {
	p.read = append(p.read, name)
	return p.query[name]
}

// prefixed returns the values of the parameters whose names begin with prefix,
// by the rest of the name. They may be repeated.
func (p *params) prefixed(prefix string) map[string][]string {
	p.read, p.open = append(p.read, prefix+"NAME"), prefix
	var found map[string][]string
	for name, values := range p.query {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			if found == nil {
				found = map[string][]string{}
			}
			found[rest] = values
		}
	}
	return found
}

// oneOf returns one of the values, or "" if the parameter is absent.
func (p *params) oneOf(name string, values ...string) string {
	text := p.text(name)
	if text != "" && !slices.Contains(values, text) {
		p.fail("%s: want %s", name, alternatives(values))
		return ""
	}
	return text
}

// alternatives joins values as in "a, b or c".
func alternatives[T ~string](values []T) string {
	var b strings.Builder
	for i, value := range values {
		switch {
		case i > 0 && i == len(values)-1:
			b.WriteString(" or ")
		case i > 0:
			b.WriteString(", ")
		}
		b.WriteString(string(value))
	}
	return b.String()
}

// parsed returns what parse makes of a parameter, or the zero value if it is
// absent or wrong. The error of parse says what is wanted.
func parsed[T any](p *params, name string, parse func(string) (T, error)) T {
	var none T
	text := p.text(name)
	if text == "" {
		return none
	}
	v, err := parse(text)
	if err != nil {
		p.fail("%s: %v", name, err)
		return none
	}
	return v
}

// boolean returns whether a parameter is true; without a value it is.
func (p *params) boolean(name string) bool {
	switch p.text(name) {
	case "":
		return p.query.Has(name)
	case "true", "1":
		return true
	case "false", "0":
		return false
	}
	p.fail("%s: want true or false", name)
	return false
}

// number returns a number within bounds, or 0 if the parameter is absent.
func (p *params) number(name string, least, most int) int {
	return parsed(p, name, func(text string) (int, error) {
		n, err := strconv.Atoi(text)
		if err != nil || n < least || n > most {
			return 0, fmt.Errorf("want a number from %d to %d", least, most)
		}
		return n, nil
	})
}

// hour reads the time at which an hour begins, and returns its quarter hour of the
// day; nil if it is not given.
func (p *params) hour(name string) *int {
	return parsed(p, name, func(text string) (*int, error) {
		start, err := time.Parse("15:04", text)
		if err != nil || len(text) != len("15:04") || start.Minute()%15 != 0 {
			return nil, errors.New("want the quarter hour at which it begins, such as 09:00 or 18:30")
		}
		slot := start.Hour()*slotsPerHour + start.Minute()/15
		return &slot, nil
	})
}

// limit returns the size of a page, or 0.
func (p *params) limit() int { return p.number("limit", 1, 1000) }

// zone returns a time zone, UTC if the parameter is absent.
func (p *params) zone(name string) *time.Location {
	return cmp.Or(p.zoneOrNil(name), time.UTC)
}

// zoneOrNil returns a time zone, or nil if the parameter is absent.
func (p *params) zoneOrNil(name string) *time.Location {
	return parsed(p, name, func(text string) (*time.Location, error) {
		zone, err := time.LoadLocation(text)
		if err != nil || text == "Local" {
			return nil, fmt.Errorf("unknown time zone %.40q; want a name such as Europe/Berlin", text)
		}
		return zone, nil
	})
}

// encoding returns the encoding of a name.
func (p *params) encoding(name string) ingest.Encoding {
	e, err := charset.Lookup(name)
	if err != nil {
		p.fail("encoding: %s", strings.TrimPrefix(err.Error(), "charset: "))
	}
	return e
}

// moment returns a time, cut to the millisecond, or the zero time if the
// parameter is absent.
func (p *params) moment(name string) time.Time {
	return parsed(p, name, func(text string) (time.Time, error) {
		t, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return t, fmt.Errorf("%.40q is not a time; want the form 2006-01-02T15:04:05.000Z, with %%2B for a +", text)
		}
		t = t.UTC().Truncate(time.Millisecond)
		if first := time.UnixMilli(0).UTC(); t.Before(first) { // as empty, and not the zero time
			t = first
		}
		return t, nil
	})
}

// day returns a date, or 0 if the parameter is absent.
func (p *params) day(name string) metrics.Day {
	return parsed(p, name, func(text string) (metrics.Day, error) {
		day, err := metrics.ParseDay(text)
		if err != nil {
			return 0, fmt.Errorf("%.40q is not a date; want the form 2006-01-02", text)
		}
		if day == 0 { // means none in a query; as empty as the day before it
			day = -1
		}
		return day, nil
	})
}

// batchID returns a text of the form of a batch's id, or ""; want says what it
// is.
func (p *params) batchID(name, want string) string {
	return parsed(p, name, func(text string) (string, error) {
		if !isBatchID(text) {
			return "", errors.New(want)
		}
		return text, nil
	})
}

// dateOrder returns what comes first in dates such as 03/04/2025.
func (p *params) dateOrder(name string) ingest.DateOrder {
	return parsed(p, name, func(text string) (ingest.DateOrder, error) {
		for _, order := range []ingest.DateOrder{ingest.FindOrder, ingest.DayFirst, ingest.MonthFirst} {
			if text == order.String() {
				return order, nil
			}
		}
		return 0, errors.New("want dmy (31/12/2025), mdy (12/31/2025) or auto")
	})
}

// count returns a number of rows, or nil if the parameter is absent.
func (p *params) count(name string) *int64 {
	return parsed(p, name, func(text string) (*int64, error) {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 {
			return nil, errors.New("want a number of rows, 0 or more")
		}
		return &n, nil
	})
}

// ratio returns a number from 0 to 1, or nil if the parameter is absent.
func (p *params) ratio(name string) *float64 {
	return parsed(p, name, func(text string) (*float64, error) {
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || !(f >= 0 && f <= 1) { // not NaN either
			return nil, errors.New("want a number from 0 to 1, such as 0.05")
		}
		return &f, nil
	})
}

// isBatchID reports whether s has the form of a UUID in lower case.
func isBatchID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		hex := s[i] >= '0' && s[i] <= '9' || s[i] >= 'a' && s[i] <= 'f'
		if dash != (s[i] == '-') || !dash && !hex {
			return false
		}
	}
	return true
}

// printable reports whether s is 1 to limit bytes of printable ASCII.
func printable(s string, limit int) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return s != "" && len(s) <= limit
}
