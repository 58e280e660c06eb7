package recount

import (
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
)

// calendar names the periods of a query. Those of an hour are called by their
// first moment in RFC 3339, others by the date of their first day.
type calendar struct {
	query    *Query
	from, to string // of the earlier range
}

// hourForm is the same in all moments of an hour.
const hourForm = "2006-01-02T15 -0700"

// quarter is how long every moment has the same date and hour.
const quarter = 15 * time.Minute

func newCalendar(q *Query) calendar {
	c := calendar{query: q}
	switch q.Compare {
	case "previous_period":
		length := parse(q.To).Sub(parse(q.From)) + 24*time.Hour
		c.from, c.to = parse(q.From).Add(-length).Format(time.DateOnly), parse(q.To).Add(-length).Format(time.DateOnly)
	case "previous_year":
		c.from, c.to = addMonths(q.From, -12), addMonths(q.To, -12)
	case "previous_month":
		c.from, c.to = addMonths(q.From, -1), addMonths(q.To, -1)
		if next := addDays(q.To, 1); next[8:] == "01" {
			c.to = addDays(q.To[:8]+"01", -1)
		}
	case "same_weekday":
		weeks := 0
		for c.to = q.To; c.to >= q.From; weeks++ {
			c.to = addDays(c.to, -7)
		}
		c.from = addDays(q.From, -7*weeks)
	}
	return c
}

// parse returns a date as a moment of UTC, so that a day has 24 hours.
func parse(date string) time.Time {
	t, err := time.Parse(time.DateOnly, date)
	if err != nil {
		panic(err)
	}
	return t
}

func addDays(date string, n int) string { return parse(date).AddDate(0, 0, n).Format(time.DateOnly) }

// addMonths returns the same date in another month, or its last day.
func addMonths(date string, n int) string {
	month := parse(date[:8]+"01").AddDate(0, n, 0).Format("2006-01")
	for day := date[8:]; ; day = fmt.Sprintf("%02d", number(day)-1) {
		if _, err := time.Parse(time.DateOnly, month+"-"+day); err == nil {
			return month + "-" + day
		}
	}
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		panic(err)
	}
	return n
}

func (c *calendar) isNow(date string) bool {
	return (c.query.From == "" || date >= c.query.From) && (c.query.To == "" || date <= c.query.To)
}

func (c *calendar) isEarlier(date string) bool { return c.from != "" && date >= c.from && date <= c.to }

// period names the period of a local time.
func (c *calendar) period(local time.Time) string {
	if c.query.Interval == "hour" {
		local = local.Truncate(quarter)
		for earlier := local; earlier.Format(hourForm) == local.Format(hourForm); earlier = earlier.Add(-quarter) {
			local = earlier
		}
		return local.Format(time.RFC3339)
	}
	return c.periodOf(local.Format(time.DateOnly))
}

// periodOf names the period of a date.
func (c *calendar) periodOf(date string) string {
	switch c.query.Interval {
	case "week":
		for parse(date).Weekday() != time.Monday {
			date = addDays(date, -1)
		}
	case "month":
		date = date[:8] + "01"
	case "all":
		return "all"
	}
	return date
}

// order compares the names of periods.
func (c *calendar) order(a, b string) int {
	if c.query.Interval != "hour" || a == b {
		return strings.Compare(a, b)
	}
	x, _ := time.Parse(time.RFC3339, a)
	y, _ := time.Parse(time.RFC3339, b)
	return x.Compare(y)
}

// first returns the first moment of a date. It looks for it among all seconds
// around.
func (c *calendar) first(date string) time.Time {
	begin := parse(date).Add(-48 * time.Hour)
	n := sort.Search(4*24*3600, func(i int) bool {
		return begin.Add(time.Duration(i)*time.Second).In(c.query.Zone).Format(time.DateOnly) >= date
	})
	return begin.Add(time.Duration(n) * time.Second).In(c.query.Zone)
}

// dates returns the dates from one to another that the calendar has: zones have
// left out some.
func (c *calendar) dates(from, to string) (all []string) {
	for date := from; date <= to; date = addDays(date, 1) {
		if c.first(date).Format(time.DateOnly) == date {
			all = append(all, date)
		}
	}
	return all
}

// quarters returns the quarter hours of some dates, in the zone.
func (c *calendar) quarters(from, to string) (all []time.Time) {
	for t, end := c.first(from), c.first(addDays(to, 1)); t.Before(end); t = t.Add(quarter) {
		all = append(all, t)
	}
	return all
}

// aligned returns the moment of the range that one of the earlier range counts
// at: that with the same local time on the aligned date, the first of several,
// or the next if there is none. A range of nothing but a date that the zone left
// out has no moments; there it is the one before.
func (c *calendar) aligned(local time.Time) time.Time {
	date := local.Format(time.DateOnly)
	switch c.query.Compare {
	case "previous_year":
		date = addMonths(date, 12)
	case "previous_month":
		date = addMonths(date, 1)
	default:
		date = parse(date).Add(parse(c.query.From).Sub(parse(c.from))).Format(time.DateOnly)
	}
	date = max(min(date, c.query.To), c.query.From)
	wanted, all := date+local.Format(" 15:04:05"), c.quarters(c.query.From, c.query.To)
	shows := func(later bool) func(time.Time) bool {
		return func(t time.Time) bool {
			from, until := t.Format(time.DateTime), t.Add(quarter-time.Second).Format(time.DateTime)
			return from <= wanted && wanted <= until || later && from > wanted
		}
	}
	i := slices.IndexFunc(all, shows(false))
	if i < 0 {
		i = slices.IndexFunc(all, shows(true))
	}
	if i < 0 {
		return c.first(addDays(c.query.To, 1)).Add(-quarter)
	}
	return all[i]
}

// periods returns the names of all periods of the range or, where it has no
// limit, from the first to the last of those given.
func (c *calendar) periods(used []string) (all []string) {
	from, to := c.query.From, c.query.To
	if len(used) > 0 {
		from, to = orOf(from, c.dateOf(slices.MinFunc(used, c.order))), orOf(to, c.dateOf(slices.MaxFunc(used, c.order)))
	}
	if from == "" || to == "" {
		return nil
	}
	if c.query.To == "" {
		to = max(to, from) // the period of from may begin before it
	}
	if c.query.Interval == "all" {
		return []string{"all"}
	}
	if c.query.Interval == "hour" {
		for _, t := range c.quarters(from, to) {
			all = append(all, c.period(t))
		}
		all = slices.Compact(all)
		return slices.DeleteFunc(all, func(name string) bool {
			return len(used) > 0 && (c.query.From == "" && c.order(name, slices.MinFunc(used, c.order)) < 0 ||
				c.query.To == "" && c.order(name, slices.MaxFunc(used, c.order)) > 0)
		})
	}
	for _, date := range c.dates(from, to) {
		all = append(all, c.periodOf(date))
	}
	return slices.Compact(all)
}

func orOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// dateOf returns the date of the first day of a period.
func (c *calendar) dateOf(period string) string {
	if period == "all" {
		return "2000-01-01" // any
	}
	return period[:len(time.DateOnly)]
}
