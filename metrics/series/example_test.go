package series_test

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/metrics/series"
)

// A program that has daily metrics of its own needs no store.
func ExampleRun() {
	sum := metrics.NewAggregator(&metrics.AggregatorOptions{Dimensions: []string{"country"}})
	monday := time.Date(2025, 11, 3, 0, 0, 0, 0, time.UTC)
	for hour, country := range []string{"np", "np", "de", "np", "fr"} {
		e := metrics.Event{
			Type: "test_started", Time: monday.Add(time.Duration(hour) * time.Hour),
			Fields: []metrics.Field{{Name: "country", Value: country}},
		}
		if err := sum.Add(&e); err != nil {
			fmt.Println(err)
			return
		}
	}
	counts := sum.Contribution()
	src := series.Source{DayCounts: func(_ context.Context, f metrics.Filter) iter.Seq2[metrics.DayCount, error] {
		return func(yield func(metrics.DayCount, error) bool) {
			for i := range counts {
				if f.Select(&counts[i]) && !yield(counts[i], nil) {
					return
				}
			}
		}
	}}

	result, err := series.Run(context.Background(), src, series.Query{
		Zone: time.FixedZone("UTC-2", -2*60*60), GroupBy: []string{"country"}, Top: 1,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for period := range result.Periods() {
		fmt.Println(period[0].Start.Format("Monday, 2 January"))
		for _, b := range period {
			fmt.Printf("  %s by %s: %d\n", b.Type, b.Group[0], b.Count)
		}
	}
	// Output:
	// Sunday, 2 November
	//   test_started by np: 2
	// Monday, 3 November
	//   test_started by __other__: 2
	//   test_started by np: 1
}
