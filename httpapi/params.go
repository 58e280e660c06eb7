package httpapi

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/metrics"
)

// maxWait is the longest time that a request may ask to wait.
const maxWait = 30 * time.Second

func parseBool(query url.Values, name string) (bool, error) {
	switch query.Get(name) {
	case "":
		return query.Has(name), nil
	case "true", "1":
		return true, nil
	case "false", "0":
		return false, nil
	}
	return false, badRequest(name + ": want true or false")
}

func parseZone(query url.Values, name string) (*time.Location, error) {
	text := query.Get(name)
	if text == "" {
		return time.UTC, nil
	}
	zone, err := time.LoadLocation(text)
	if err != nil || text == "Local" {
		return nil, badRequest(fmt.Sprintf("%s: unknown time zone %.40q; want a name such as Europe/Berlin", name, text))
	}
	return zone, nil
}

// parseMoment reads a moment, to the millisecond; the zero time is none.
func parseMoment(query url.Values, name string) (time.Time, error) {
	text := query.Get(name)
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, badRequest(fmt.Sprintf("%s: %.40q is no moment; want the form 2006-01-02T15:04:05.000Z, with %%2B for a +", name, text))
	}
	t = t.UTC().Truncate(time.Millisecond)
	if first := time.UnixMilli(0).UTC(); t.Before(first) { // as empty, and not the zero time
		t = first
	}
	return t, nil
}

func parseDateOrder(query url.Values, name string) (ingest.DateOrder, error) {
	text := query.Get(name)
	for _, order := range []ingest.DateOrder{ingest.FindOrder, ingest.DayFirst, ingest.MonthFirst} {
		if text == order.String() {
			return order, nil
		}
	}
	if text == "" {
		return ingest.FindOrder, nil
	}
	return 0, badRequest(name + ": want dmy (31/12/2025), mdy (12/31/2025) or auto")
}

func parseDay(query url.Values, name string) (metrics.Day, error) {
	text := query.Get(name)
	if text == "" {
		return 0, nil
	}
	day, err := metrics.ParseDay(text)
	if err != nil {
		return 0, badRequest(fmt.Sprintf("%s: %.40q is not a date; want the form 2006-01-02", name, text))
	}
	if day == 0 { // means none in a query; as empty as the day before it
		day = -1
	}
	return day, nil
}

// parseLimit reads the size of a page.
func parseLimit(query url.Values) (int, error) { return parseNumber(query, "limit", 1, 1000) }

// parseNumber reads a number within bounds; 0 is none.
func parseNumber(query url.Values, name string, least, most int) (int, error) {
	text := query.Get(name)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return 0, badRequest(fmt.Sprintf("%s: want a number from %d to %d", name, least, most))
	}
	return n, nil
}

// preferences are the parts of the Prefer header (RFC 7240) that we know.
type preferences struct {
	async bool
	wait  time.Duration
}

func parsePrefer(r *http.Request) preferences {
	var p preferences
	for _, line := range r.Header.Values("Prefer") {
		for part := range strings.SplitSeq(line, ",") {
			name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
			switch strings.ToLower(name) {
			case "respond-async":
				p.async = true
			case "wait":
				// A preference that makes no sense is ignored, says the RFC.
				if n, err := strconv.Atoi(strings.Trim(value, `" `)); err == nil && n > 0 {
					p.wait = min(time.Duration(n)*time.Second, maxWait)
				}
			}
		}
	}
	return p
}

// appliedWait tells the client that its wait was granted, and how long.
func appliedWait(w http.ResponseWriter, wait time.Duration) {
	w.Header().Set("Preference-Applied", "wait="+strconv.Itoa(int(wait/time.Second)))
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
