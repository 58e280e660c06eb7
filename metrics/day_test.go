package metrics_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/eventmetrics/eventmetrics/metrics"
)

func TestParseDayKnowsTheCalendar(t *testing.T) {
	for _, bad := range []string{"", "2025-02-29", "2025-13-01", "08.11.2025", "2025-11-8", "2025-11-08T00:00:00Z"} {
		if _, err := metrics.ParseDay(bad); err == nil {
			t.Errorf("ParseDay(%q) succeeded", bad)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		want := metrics.Day(rapid.IntRange(-700000, 2900000).Draw(t, "day"))
		got, err := metrics.ParseDay(want.String())
		if err != nil || got != want {
			t.Fatalf("ParseDay(%q) = %v, %v", want, got, err)
		}
	})
}
