package series_test

import (
	"errors"
	"testing"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/metrics/series"
)

func TestUniquesOfEventsWithoutASubjectAreRefused(t *testing.T) {
	day := parseDay(t, "2025-11-08")
	with := func(d metrics.Day, name string) metrics.Event {
		return metrics.Event{Type: name, Time: d.Time(), Fields: []metrics.Field{{Name: "candidate_id", Value: "C1"}}}
	}
	without := func(d metrics.Day, name string) metrics.Event { return metrics.Event{Type: name, Time: d.Time()} }
	c := aggregate(t, with(day, "a"), without(day, "a"), without(day+1, "b"), with(day+1, "a"), without(day+2, "b"))
	for _, tc := range []struct {
		name  string
		query series.Query
		want  metrics.Day // 0 if it is answered
	}{
		{"all", series.Query{}, day + 1},
		{"totals", series.Query{Total: true}, day + 1},
		{"one sum", series.Query{Interval: series.All, Total: true}, day + 1},
		{"another type", series.Query{Types: []string{"a"}}, 0},
		{"other days", series.Query{To: day}, 0},
		{"later days", series.Query{From: day + 2}, day + 2},
		{"the earlier range", series.Query{From: day + 3, To: day + 3, Compare: series.PreviousPeriod}, day + 2},
	} {
		tc.query.Uniques = true
		_, err := series.Run(t.Context(), source(c), tc.query)
		missing, refused := errors.AsType[*series.NoSubjectError](err)
		switch {
		case refused != (tc.want != 0) || err != nil && !refused:
			t.Errorf("%s: %v", tc.name, err)
		case refused && (missing.Day != tc.want || missing.Type != "b"):
			t.Errorf("%s: %v, want %s", tc.name, missing, tc.want)
		}
		tc.query.Uniques = false
		run(t, tc.query, c)
	}
}
