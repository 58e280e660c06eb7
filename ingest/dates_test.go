package ingest_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eventmetrics/eventmetrics/ingest"
)

const datesHeader = "event_type,timestamp\n"

func readDates(order ingest.DateOrder, stamps ...string) outcome {
	var b strings.Builder
	b.WriteString(datesHeader)
	for _, s := range stamps {
		b.WriteString("a," + s + "\n")
	}
	return read(strings.NewReader(b.String()), ingest.Options{Schema: ingest.Schema{Required: []string{}}, DateOrder: order})
}

func TestDatesThatTellTheirOrder(t *testing.T) {
	for _, tc := range []struct {
		name   string
		order  ingest.DateOrder
		stamps []string
		want   []string
	}{
		{"the day first, found at once", ingest.FindOrder, []string{"13/04/2025", "3/4/2025 09:30"}, []string{"2025-04-13T00:00:00Z", "2025-04-03T09:30:00Z"}},
		{"the day first, found later", ingest.FindOrder, []string{"3.4.2025", "2025-01-01", "13.04.2025 09:30:15.5"}, []string{"2025-04-03T00:00:00Z", "2025-01-01T00:00:00Z", "2025-04-13T09:30:15.5Z"}},
		{"the month first, found later", ingest.FindOrder, []string{"03-04-2025", "04-13-2025T09:30"}, []string{"2025-03-04T00:00:00Z", "2025-04-13T09:30:00Z"}},
		{"no date that may be read in two ways", ingest.FindOrder, []string{"04/04/2025", "5.5.2025"}, []string{"2025-04-04T00:00:00Z", "2025-05-05T00:00:00Z"}},
		{"the day first, as selected", ingest.DayFirst, []string{"03/04/2025"}, []string{"2025-04-03T00:00:00Z"}},
		{"the month first, as selected", ingest.MonthFirst, []string{"03/04/2025"}, []string{"2025-03-04T00:00:00Z"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			out := readDates(tc.order, tc.stamps...)
			var got []string
			for _, e := range out.Events {
				got = append(got, e.Time.Format(time.RFC3339Nano))
			}
			if d := gocmp.Diff(tc.want, got); d != "" || out.Err != nil || len(out.Rejected) > 0 {
				t.Errorf("%s%v %v", d, out.Err, faults(out.Rejected))
			}
		})
	}
}

func TestDatesThatDoNotTellTheirOrder(t *testing.T) {
	long := make([]string, 400_000) // more than is searched, and then one that fits one order
	for i := range long {
		long[i] = "03/04/2025"
	}
	long[len(long)-1] = "13/04/2025"
	for _, tc := range []struct {
		name   string
		stamps []string
		mixed  bool
		want   string
	}{
		{"all fit both", []string{"2025-01-01", "03/04/2025", "04/04/2025"}, false, `ingest: timestamp "03/04/2025" on line 3 may be 3 April 2025 or 4 March 2025, and no later date settles the order`},
		{"one fits one order, too far ahead", long, false, `ingest: timestamp "03/04/2025" on line 2 may be 3 April 2025 or 4 March 2025, and no later date settles the order`},
		{"both orders", []string{"03/04/2025", "13/04/2025", "04/13/2025"}, true, `ingest: timestamp has the day first on line 3 ("13/04/2025") and the month first on line 4 ("04/13/2025")`},
		{"both orders, the other way", []string{"04/13/2025", "13/04/2025"}, true, `ingest: timestamp has the day first on line 3 ("13/04/2025") and the month first on line 2 ("04/13/2025")`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got *ingest.AmbiguousTimeError
			if out := readDates(ingest.FindOrder, tc.stamps...); !errors.As(out.Err, &got) {
				t.Fatalf("got %v, want an AmbiguousTimeError", out.Err)
			}
			if d := gocmp.Diff(tc.want, got.Error()); d != "" || got.Mixed() != tc.mixed {
				t.Errorf("%s mixed %v", d, got.Mixed())
			}
		})
	}
}

func TestDatesThatAreNone(t *testing.T) {
	for _, s := range []string{"31/02/2025", "13/13/2025", "3/4-2025", "3/4/25", "//2025", "003/4/2025", "3/4/20255", "31/12/2025 9", "31/12/2025x", "12/25/2025"} {
		out := readDates(ingest.DayFirst, s)
		if len(out.Rejected) != 1 || out.Rejected[0].Code != ingest.BadTimestamp {
			t.Errorf("%q: got %v %v", s, lines(out.Events), faults(out.Rejected))
		}
	}
}

// TestDatesMeanWhatTheSameDatesMeanInRFC3339 is the law of dates: if one day of
// a file is above 12, the file has the events of the one written in RFC 3339.
func TestDatesMeanWhatTheSameDatesMeanInRFC3339(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		layouts := rapid.SampledFrom([][]string{{"02/01/2006", "2.1.2006 15:04"}, {"01/02/2006 15:04:05", "1-2-2006"}}).Draw(t, "layouts")
		ndjson := rapid.Bool().Draw(t, "ndjson")
		n := rapid.IntRange(1, 30).Draw(t, "rows")
		sure := rapid.IntRange(0, n-1).Draw(t, "sure")
		var texts [2]strings.Builder
		if !ndjson {
			texts[0].WriteString(datesHeader)
			texts[1].WriteString(datesHeader)
		}
		form := "a,%s\n"
		if ndjson {
			form = `{"event_type":"a","timestamp":"%s"}` + "\n"
		}
		for i := range n {
			low, high := 1, 28
			if i == sure {
				low = 13
			}
			at := time.Date(2024, time.Month(rapid.IntRange(1, 12).Draw(t, "month")), rapid.IntRange(low, high).Draw(t, "day"), 9, 5, 0, 0, time.UTC)
			layout := rapid.SampledFrom(layouts).Draw(t, "layout")
			text := at.Format(layout)
			at, _ = time.Parse(layout, text)
			fmt.Fprintf(&texts[0], form, text)
			fmt.Fprintf(&texts[1], form, at.Format(time.RFC3339))
		}
		opts := ingest.Options{Schema: ingest.Schema{Required: []string{}}}
		if ndjson {
			opts.Format = ingest.NDJSON
		}
		got := readPieces(strings.NewReader(texts[0].String()), opts, rapid.IntRange(0, 40).Draw(t, "chunk"))
		want := read(strings.NewReader(texts[1].String()), opts)
		want.ReadAs, want.Warnings = got.ReadAs, got.Warnings
		if d := gocmp.Diff(want, got); d != "" {
			t.Fatalf("%s\n%s", d, texts[0].String())
		}
	})
}
