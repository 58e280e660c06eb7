package httpapi

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/metrics/series"
)

// answer is what an answer to GET /metrics shows: a query and its result.
type answer struct {
	series.Query
	// columns is the width of a text.
	columns int

	result  series.Result
	numbers []number
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

// readAnswer reads the parameters of GET /metrics.
func readAnswer(r *http.Request) (*answer, format, error) {
	p := newParams(r)
	a := &answer{Query: readSeries(p)}
	a.Top, a.Other = p.number("top", 1, 1000), p.boolean("other")
	a.columns = p.number("columns", 20, 1000)
	format := readFormat(p, r)
	if err := p.err(); err != nil {
		return nil, format, err
	}
	if a.SoFar && !a.compares() {
		return nil, format, badRequest("so_far: is of what compare counts; give compare too")
	}
	if a.Other && a.Top == 0 {
		return nil, format, badRequest("other: is what top leaves out; give top too")
	}
	if a.Top > 0 && a.Total && !a.grouped() {
		return nil, format, badRequest("top: there are no event types with group=none")
	}
	return a, format, nil
}

func readSeries(p *params) series.Query {
	s := series.Query{
		Types:    p.texts("event_type"),
		Interval: series.Interval(cmp.Or(p.oneOf("interval", "hour", "day", "week", "month", "all"), "day")),
		Zone:     p.zone("tz"),
		Uniques:  p.boolean("uniques"),
		Fill:     p.oneOf("fill", "zero") != "",
		Total:    p.oneOf("group", "none") != "",
		GroupBy:  readGroupBy(p),
		Where:    p.prefixed("where."),
		Compare:  series.Comparison(p.oneOf("compare", "previous_period", "previous_year", "previous_month", "same_weekday")),
		SoFar:    p.boolean("so_far"),
		Finality: p.boolean("finality"),
		AsOf:     p.moment("as_of"),
	}
	s.From, s.To = readRange(p)
	return s
}

// readGroupBy reads a list of dimensions, with commas or repeated.
func readGroupBy(p *params) []string {
	given := p.texts("group_by")
	if given == nil {
		return nil
	}
	names := ingest.ColumnNames(strings.Split(strings.Join(given, ","), ","))
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			p.fail("group_by: %.40q is given twice", name)
			break
		}
	}
	return names
}

// readRange reads date, or from and to.
func readRange(p *params) (from, to metrics.Day) {
	date := p.day("date")
	from, to = p.day("from"), p.day("to")
	if date == 0 {
		return from, to
	}
	if from != 0 || to != 0 {
		p.fail("date: give either date, or from and to")
	}
	return date, date
}
