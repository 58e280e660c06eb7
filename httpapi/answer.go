package httpapi

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/metrics/series"
)

// answer is a series with what an answer to GET /metrics shows of it.
type answer struct {
	series.Query
	// top is the number of event types to show, or of groups if there are any,
	// 0 for all; other adds up the rest of the types.
	top   int
	other bool
	// columns is the width of a text.
	columns int

	said    series.Result
	buckets []series.Bucket // to show
	// total and previous are the events of the two ranges, of the types that
	// top leaves out too.
	total, previous int64
	numbers         []number
}

// take keeps what is to be shown.
func (a *answer) take(buckets []series.Bucket) {
	for i := range buckets {
		a.total += buckets[i].Count
		a.previous += buckets[i].Previous
	}
	if a.top > 0 && !a.grouped() {
		buckets = series.Top(buckets, a.top, a.other)
	}
	a.buckets, a.numbers = buckets, numbers(a)
}

func (a *answer) compares() bool { return a.Compare != "" }

func (a *answer) grouped() bool { return len(a.GroupBy) > 0 }

// sliced reports whether some events may not be attributed.
func (a *answer) sliced() bool { return a.grouped() || len(a.Where) > 0 }

// number is a number of each bucket.
type number struct {
	name string
	of   func(*series.Bucket) int64
}

// numbers are those that an answer has.
func numbers(a *answer) []number {
	all := []number{{"count", func(b *series.Bucket) int64 { return b.Count }}}
	if a.Uniques {
		all = append(all, number{"uniques", (*series.Bucket).Uniques})
	}
	if a.compares() {
		all = append(all, number{"previous_count", func(b *series.Bucket) int64 { return b.Previous }})
	}
	if a.compares() && a.Uniques {
		all = append(all, number{"previous_uniques", (*series.Bucket).PreviousUniques})
	}
	return all
}

// parseAnswer reads the parameters but format.
func parseAnswer(query url.Values) (*answer, error) {
	a := &answer{}
	var err error
	if a.Query, err = parseSeries(query); err != nil {
		return nil, err
	}
	if a.top, err = parseNumber(query, "top", 1, 1000); err != nil {
		return nil, err
	}
	if a.other, err = parseBool(query, "other"); err != nil {
		return nil, err
	}
	if a.columns, err = parseNumber(query, "columns", 20, 1000); err != nil {
		return nil, err
	}
	if a.other && a.top == 0 {
		return nil, badRequest("other: is what top leaves out; give top too")
	}
	if a.top > 0 && a.Total && !a.grouped() {
		return nil, badRequest("top: there are no event types with group=none")
	}
	if a.grouped() {
		a.MaxGroups = a.top
	}
	return a, nil
}

func parseSeries(query url.Values) (series.Query, error) {
	s := series.Query{Types: query["event_type"]}
	var err error
	if s.From, s.To, err = parseRange(query); err != nil {
		return s, err
	}
	if s.Interval, err = series.ParseInterval(query.Get("interval")); err != nil {
		return s, badRequest("interval: want hour, day, week, month or all")
	}
	if s.Zone, err = parseZone(query, "tz"); err != nil {
		return s, err
	}
	if s.Uniques, err = parseBool(query, "uniques"); err != nil {
		return s, err
	}
	if s.Fill, err = parseChoice(query, "fill", "zero"); err != nil {
		return s, err
	}
	if s.Total, err = parseChoice(query, "group", "none"); err != nil {
		return s, err
	}
	if s.Compare, err = series.ParseComparison(query.Get("compare")); err != nil {
		return s, badRequest("compare: want previous_period or previous_year")
	}
	if s.Finality, err = parseBool(query, "finality"); err != nil {
		return s, err
	}
	if s.GroupBy, s.Where, err = parseDimensions(query); err != nil {
		return s, err
	}
	s.AsOf, err = parseMoment(query, "as_of")
	return s, err
}

// parseDimensions reads group_by, a list of dimensions, and the values of each
// where.DIMENSION.
func parseDimensions(query url.Values) (groupBy []string, where map[string][]string, _ error) {
	if query.Has("group_by") {
		groupBy = strings.Split(strings.Join(query["group_by"], ","), ",")
	}
	for i, name := range groupBy {
		if slices.Contains(groupBy[:i], name) {
			return nil, nil, badRequest(fmt.Sprintf("group_by: %.40q is given twice", name))
		}
	}
	for name, values := range query {
		if dimension, ok := strings.CutPrefix(name, "where."); ok {
			if where == nil {
				where = map[string][]string{}
			}
			where[dimension] = values
		}
	}
	return groupBy, where, nil
}

// parseRange reads date, or from and to.
func parseRange(query url.Values) (from, to metrics.Day, err error) {
	date, err := parseDay(query, "date")
	if err != nil {
		return 0, 0, err
	}
	if from, err = parseDay(query, "from"); err != nil {
		return 0, 0, err
	}
	if to, err = parseDay(query, "to"); err != nil {
		return 0, 0, err
	}
	if date == 0 {
		return from, to, nil
	}
	if from != 0 || to != 0 {
		return 0, 0, badRequest("date: give either date, or from and to")
	}
	return date, date, nil
}

// parseChoice reads a parameter that is absent or has the one value known.
func parseChoice(query url.Values, name, value string) (bool, error) {
	switch query.Get(name) {
	case "":
		return false, nil
	case value:
		return true, nil
	}
	return false, badRequest(fmt.Sprintf("%s: want %s, or nothing", name, value))
}
