package series_test

import (
	"context"
	"iter"
	"strconv"
	"time"
	_ "time/tzdata" // the laws hold in every zone, also where none are installed

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/metrics/series"
)

// events draws events of a few types, subjects and years.
func events() *rapid.Generator[[]metrics.Event] {
	first := time.Date(1972, 2, 1, 0, 0, 0, 0, time.UTC).Unix()
	last := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	event := rapid.Custom(func(t *rapid.T) metrics.Event {
		sec := rapid.OneOf(
			rapid.Int64Range(first, last),
			rapid.Int64Range(1762560000, 1762560000+3*86400),
		).Draw(t, "sec")
		return metrics.Event{
			Type: rapid.SampledFrom([]string{"started", "a.b", "$x", "constructor", "__proto__", "😀"}).Draw(t, "type"),
			Time: time.Unix(sec, rapid.Int64Range(0, 999_999_999).Draw(t, "ns")).UTC(),
			Fields: []metrics.Field{
				{Name: "candidate_id", Value: "C" + strconv.Itoa(rapid.IntRange(0, 50).Draw(t, "subject"))},
				{Name: "test_id", Value: rapid.SampledFrom([]string{"", "T1", "T2", "T3", "T\x00", "__other__"}).Draw(t, "test")},
				{Name: "country", Value: rapid.SampledFrom([]string{"np", "de", "__unknown__"}).Draw(t, "country")},
			}[:rapid.IntRange(1, 3).Draw(t, "fields")],
		}
	})
	return rapid.SliceOfN(event, 0, 60)
}

func aggregate(t interface{ Fatal(...any) }, events ...metrics.Event) metrics.Contribution {
	return aggregateBy(t, nil, events...)
}

func aggregateBy(t interface{ Fatal(...any) }, dimensions []string, events ...metrics.Event) metrics.Contribution {
	a := metrics.NewAggregator(&metrics.AggregatorOptions{Subject: "candidate_id", Dimensions: dimensions})
	for i := range events {
		if err := a.Add(&events[i]); err != nil {
			t.Fatal(err)
		}
	}
	return a.Contribution()
}

var cmpSketch = cmp.Comparer(func(a, b *metrics.Sketch) bool {
	return a == nil && b == nil || a != nil && b != nil && a.Equal(b)
})

// seq returns what a store answers to a filter.
func seq(c metrics.Contribution, q metrics.Filter) iter.Seq2[metrics.DayCount, error] {
	return func(yield func(metrics.DayCount, error) bool) {
		for _, d := range c {
			if !q.Select(&d) {
				continue
			}
			q.Trim(&d)
			if !yield(d, nil) {
				return
			}
		}
	}
}

// source serves a contribution.
func source(c metrics.Contribution) series.Source {
	return series.Source{DayCounts: func(_ context.Context, f metrics.Filter) iter.Seq2[metrics.DayCount, error] { return seq(c, f) }}
}

// run computes a query from a contribution.
func run(t interface{ Fatal(...any) }, q series.Query, c metrics.Contribution) series.Result {
	r, err := series.Run(context.Background(), source(c), q)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
