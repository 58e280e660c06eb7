package metrics_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
)

// liveBytes returns how much memory is in use after a collection.
func liveBytes() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestBytesIsWhatASumAndItsEncodingTake(t *testing.T) {
	long := strings.Repeat("x", 1000)
	dimensions := []string{"a", "b", "c"}
	at := func(day, quarter int) time.Time {
		return time.Date(2025, 1, 1+day, 0, 15*quarter, 0, 0, time.UTC)
	}
	field := func(name, form string, n int) metrics.Field {
		return metrics.Field{Name: name, Value: fmt.Sprintf(form, n)}
	}
	for _, tc := range []struct {
		name string
		rows int
		row  func(i int) metrics.Event
	}{
		{"many days and types", 20_000, func(i int) metrics.Event {
			return metrics.Event{Type: fmt.Sprint("type", i%40), Time: at(i/40%300, i/7), Fields: []metrics.Field{field("subject", "S%d", i)}}
		}},
		{"days and types with many subjects", 100_000, func(i int) metrics.Event {
			return metrics.Event{Type: fmt.Sprint("type", i%10), Time: at(i/10%50, i/7), Fields: []metrics.Field{field("subject", "S%d", i)}}
		}},
		{"groups of one event", 20_000, func(i int) metrics.Event {
			return metrics.Event{Type: "t", Time: at(i%10, i/7), Fields: []metrics.Field{
				field("a", "country-%d", i%50), field("b", "device-%d", i/50%40), field("c", "system-%d", i/2000),
			}}
		}},
		{"groups in all quarter hours", 100_000, func(i int) metrics.Event {
			return metrics.Event{Type: "t", Time: at(0, i%96), Fields: []metrics.Field{field("a", "%d", i/96%900)}}
		}},
		{"groups with long values", 5_000, func(i int) metrics.Event {
			return metrics.Event{Type: "t", Time: at(i%10, i), Fields: []metrics.Field{
				field("a", "%d"+long, i%50), field("b", "%d"+long, i/50%40), field("c", "%d"+long, i/2000),
			}}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			before := liveBytes()
			sum := metrics.NewAggregator(&metrics.AggregatorOptions{Subject: "subject", Dimensions: dimensions})
			for i := range tc.rows {
				e := tc.row(i)
				if err := sum.Add(&e); err != nil {
					t.Fatal(err)
				}
			}
			said := sum.Bytes()
			summing := liveBytes() - before
			c := sum.Contribution()
			text, err := c.AppendBinary(nil)
			if err != nil {
				t.Fatal(err)
			}
			took := max(summing, liveBytes()-before)
			runtime.KeepAlive(sum)
			runtime.KeepAlive(c)
			runtime.KeepAlive(text)
			t.Logf("Bytes %d KiB, summing %d KiB, all %d KiB, of which the encoding %d KiB", said>>10, summing>>10, took>>10, len(text)>>10)
			if took > said || said > 4*took {
				t.Errorf("Bytes is %d, but %d were in use", said, took)
			}
		})
	}
}
