package metrics_test

import (
	"errors"
	"math"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eventmetrics/eventmetrics/metrics"
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

// dimensions draws what to break down by, mostly something.
func dimensions() *rapid.Generator[[]string] {
	return rapid.SampledFrom([][]string{nil, {"test_id"}, {"country", "test_id"}, {"test_id", "country", "nothing"}})
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

func diff(want, got metrics.Contribution) string {
	if len(want) == 0 && len(got) == 0 {
		return ""
	}
	return cmp.Diff(want, got, cmpSketch)
}

func TestAggregateOfConcatenationIsMergeOfAggregates(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := events().Draw(t, "a"), events().Draw(t, "b")
		by := dimensions().Draw(t, "dimensions")
		whole := aggregateBy(t, by, slices.Concat(a, b)...)
		merged := metrics.Merge(aggregateBy(t, by, a...), aggregateBy(t, by, b...))
		if d := diff(merged, aggregateBy(t, by, a...).Add(aggregateBy(t, by, b...))); d != "" {
			t.Fatalf("Add differs from Merge: %s", d)
		}
		if d := diff(whole, merged); d != "" {
			t.Fatal(d)
		}
	})
}

func TestOrderOfEventsAndOfMergesDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := events().Draw(t, "events")
		shuffled := rapid.Permutation(in).Draw(t, "shuffled")
		if d := diff(aggregate(t, in...), aggregate(t, shuffled...)); d != "" {
			t.Fatal(d)
		}
		half := len(in) / 2
		a, b := aggregate(t, in[:half]...), aggregate(t, in[half:]...)
		if d := diff(metrics.Merge(a, b), metrics.Merge(b, a)); d != "" {
			t.Fatal(d)
		}
	})
}

func TestContributionSurvivesItsEncoding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := aggregateBy(t, dimensions().Draw(t, "dimensions"), events().Draw(t, "events")...)
		b, err := want.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := metrics.DecodeContribution(b, metrics.Filter{Slots: true, Subjects: true, Groups: true})
		if err != nil {
			t.Fatal(err)
		}
		if d := diff(want, got); d != "" {
			t.Fatal(d)
		}
		again, _ := got.AppendBinary(nil)
		if !slices.Equal(b, again) {
			t.Fatal("equal contributions encode to different bytes")
		}
	})
}

func TestDecodingKeepsWhatTheQuerySelects(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := aggregateBy(t, dimensions().Draw(t, "dimensions"), events().Draw(t, "events")...)
		b, _ := all.AppendBinary(nil)
		q := metrics.Filter{
			From:     metrics.Day(rapid.IntRange(0, 22000).Draw(t, "from")),
			To:       metrics.Day(rapid.IntRange(0, 22000).Draw(t, "to")),
			Types:    rapid.SliceOfN(rapid.SampledFrom([]string{"started", "a.b"}), 0, 2).Draw(t, "types"),
			Slots:    rapid.Bool().Draw(t, "slots"),
			Subjects: rapid.Bool().Draw(t, "subjects"),
			Groups:   rapid.Bool().Draw(t, "groups"),
		}
		var want metrics.Contribution
		for _, d := range all {
			if q.Select(&d) {
				q.Trim(&d)
				want = append(want, d)
			}
		}
		got, err := metrics.DecodeContribution(b, q)
		if err != nil {
			t.Fatal(err)
		}
		if d := diff(want, got); d != "" {
			t.Fatal(d)
		}
	})
}

func FuzzDecodeContribution(f *testing.F) {
	day := time.Date(2025, 11, 8, 9, 0, 0, 0, time.UTC)
	var in []metrics.Event
	for i := range 2000 {
		in = append(in, metrics.Event{Type: "started", Time: day, Fields: []metrics.Field{{Name: "candidate_id", Value: strconv.Itoa(i)}}})
	}
	all := metrics.Filter{Slots: true, Subjects: true, Groups: true}
	for _, n := range []int{0, 1, 100, 2000} {
		for _, by := range [][]string{nil, {"candidate_id"}} {
			b, _ := aggregateBy(f, by, in[:n]...).AppendBinary(nil)
			f.Add(b)
			f.Add(unchecked(b)) // a checksum would refuse nearly every change of it
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := metrics.DecodeContribution(b, all)
		if err != nil {
			return
		}
		for i := range c {
			if c[i].Subjects != nil && c[i].Subjects.Estimate() < 0 {
				t.Fatal("negative estimate")
			}
		}
		again, _ := c.AppendBinary(nil)
		got, err := metrics.DecodeContribution(again, all)
		if err != nil {
			t.Fatalf("decoded contribution does not encode: %v", err)
		}
		if d := diff(c, got); d != "" {
			t.Fatal(d)
		}
	})
}

func TestSketchErrorIsBelowThreePercent(t *testing.T) {
	for _, n := range []int{1, 10, 150, 300, 1000, 5000, 10_000, 30_000, 100_000, 1_000_000} {
		const trials = 12
		var squares float64
		for trial := range trials {
			var s metrics.Sketch
			for i := range n {
				s.Add("C" + strconv.Itoa(trial*10_000_000+i))
			}
			e := float64(s.Estimate()-int64(n)) / float64(n)
			squares += e * e
		}
		rms := math.Sqrt(squares / trials)
		t.Logf("n=%d rms=%.2f%%", n, 100*rms)
		if rms > 0.03 {
			t.Errorf("n=%d: rms error %.2f%%, want at most 3%%", n, 100*rms)
		}
	}
}

func TestAddingAgainChangesNoSketch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		subjects := rapid.SliceOfN(rapid.String(), 0, 500).Draw(t, "subjects")
		var once, twice metrics.Sketch
		for _, s := range subjects {
			once.Add(s)
			twice.Add(s)
			twice.Add(s)
		}
		twice.Merge(&once)
		if !once.Equal(&twice) {
			t.Fatal("a sketch is not idempotent")
		}
	})
}

func TestAggregatorKeepsItsCaps(t *testing.T) {
	day := time.Date(2025, 11, 8, 9, 0, 0, 0, time.UTC)
	event := func(eventType string, day time.Time) *metrics.Event {
		return &metrics.Event{Type: eventType, Time: day}
	}
	a := metrics.NewAggregator(&metrics.AggregatorOptions{MaxTypes: 2, MaxDays: 2, MaxCells: 3})
	var got []error
	for _, e := range []*metrics.Event{
		event("a", day), event("b", day), event("c", day),
		event("a", day.AddDate(0, 0, 1)), event("a", day.AddDate(0, 0, 2)),
		event("b", day.AddDate(0, 0, 1)), event("a", day),
	} {
		got = append(got, a.Add(e))
	}
	want := []error{
		nil, nil, metrics.ErrTooManyTypes,
		nil, metrics.ErrTooManyDays, metrics.ErrTooManyCells, nil,
	}
	for i := range want {
		if !errors.Is(got[i], want[i]) {
			t.Errorf("event %d: %v, want %v", i, got[i], want[i])
		}
	}
	if n := a.Contribution().Events(); n != 4 {
		t.Errorf("counted %d events, want the 4 that were taken", n)
	}
}

func BenchmarkAggregator(b *testing.B) {
	day := time.Date(2025, 11, 8, 0, 0, 0, 0, time.UTC)
	in := make([]metrics.Event, 1<<20) // some 1700 subjects a day and type
	for i := range in {
		in[i] = metrics.Event{
			Type: "type_" + strconv.Itoa(i*7%20),
			Time: day.Add(time.Duration(i*7919%(30*86400)) * time.Second),
			Fields: []metrics.Field{
				{Name: "candidate_id", Value: "C" + strconv.Itoa(i*1_000_003%1_000_000_000)},
				{Name: "test_id", Value: "T" + strconv.Itoa(i*31%100)},
				{Name: "country", Value: []string{"np", "de", "us"}[i%3]},
				{Name: "device", Value: []string{"phone", "pc"}[i/7%2]},
			},
		}
	}
	for _, by := range [][]string{nil, {"test_id"}, {"test_id", "country", "device"}} {
		b.Run("dimensions="+strconv.Itoa(len(by)), func(b *testing.B) {
			a := metrics.NewAggregator(&metrics.AggregatorOptions{Subject: "candidate_id", Dimensions: by})
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				_ = a.Add(&in[i%len(in)])
			}
		})
	}
}

func TestSubtractTakesACountBack(t *testing.T) {
	a, b := twoTypes(t), twoTypes(t)[1:2]
	sum := metrics.Merge(a, b)
	got := sum.Subtract(b)
	for i := range got { // subjects stay
		got[i].Subjects = a[i].Subjects
	}
	if d := diff(a, got); d != "" {
		t.Error(d)
	}
	if rest := metrics.Merge(a).Subtract(a); len(rest) != 0 {
		t.Errorf("a contribution without itself is %v", rest)
	}
	if rest := metrics.Merge(a).Subtract(metrics.Merge(b, nil)); len(rest) != 2 {
		t.Errorf("a contribution without one of its three counts is %v", rest)
	}
}

func TestTruncatedContributionsAreCorrupt(t *testing.T) {
	b, err := twoTypes(t).AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	for n := range b {
		if c, err := metrics.DecodeContribution(b[:n], metrics.AllParts()); !errors.Is(err, metrics.ErrCorrupt) {
			t.Errorf("%d of %d bytes: %v, %v, want ErrCorrupt", n, len(b), c, err)
		}
	}
}

// unchecked returns an encoding in the version without a checksum.
func unchecked(b []byte) []byte {
	const version = 3
	return append([]byte{version}, b[1:len(b)-4]...)
}

func TestEncodingsWithoutAChecksumAreRead(t *testing.T) {
	want := twoTypes(t)
	b, err := want.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := metrics.DecodeContribution(unchecked(b), metrics.AllParts())
	if d := diff(want, got); d != "" || err != nil {
		t.Errorf("%v, %s", err, d)
	}
}

func TestEachFlippedBitIsCorrupt(t *testing.T) {
	b, err := twoTypes(t).AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	for bit := range 8 * len(b) {
		b[bit/8] ^= 1 << (bit % 8)
		if c, err := metrics.DecodeContribution(b, metrics.Filter{}); !errors.Is(err, metrics.ErrCorrupt) {
			t.Errorf("bit %d of %d: %v, %v, want ErrCorrupt", bit, 8*len(b), c, err)
		}
		b[bit/8] ^= 1 << (bit % 8)
	}
}
