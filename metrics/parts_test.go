package metrics_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics/metrics"
)

// twoTypes is a contribution with all its parts.
func twoTypes(t *testing.T) metrics.Contribution {
	t.Helper()
	a := metrics.NewAggregator(&metrics.AggregatorOptions{Subject: "who"})
	for i, name := range []string{"a", "b", "b"} {
		at := time.Date(2025, 11, 8+i, 10, 0, 0, 0, time.UTC)
		e := metrics.Event{Type: name, Time: at, Fields: []metrics.Field{{Name: "who", Value: name}}}
		if err := a.Add(&e); err != nil {
			t.Fatal(err)
		}
	}
	return a.Contribution()
}

func encoded(t *testing.T, c metrics.Contribution, q metrics.Filter) []byte {
	t.Helper()
	b, err := c.AppendPart(nil, q)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestPartsJoinToTheWhole(t *testing.T) {
	c := twoTypes(t)
	counts, subjects := encoded(t, c, metrics.Filter{Slots: true}), encoded(t, c, metrics.Filter{Subjects: true})
	all := metrics.Filter{Slots: true, Subjects: true}
	joined, err := metrics.JoinParts(counts, subjects, all)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(encoded(t, c, all), encoded(t, joined, all)); d != "" {
		t.Errorf("joined parts differ from the whole: %s", d)
	}
	few, err := metrics.JoinParts(counts, nil, metrics.Filter{Types: []string{"b"}, To: c[1].Day})
	if err != nil || len(few) != 1 || few[0].Type != "b" || few[0].Slots != nil || few[0].Subjects != nil {
		t.Errorf("JoinParts of one day and type is %v, %v", few, err)
	}
}

func TestGroupsPartAndJoin(t *testing.T) {
	at := time.Date(2025, 11, 8, 10, 0, 0, 0, time.UTC)
	var events []metrics.Event
	for i, value := range []string{"x", "y", "x", ""} {
		e := metrics.Event{Type: "ab"[i%2 : i%2+1], Time: at.AddDate(0, 0, i/2), Fields: []metrics.Field{{Name: "d", Value: value}}}
		events = append(events, e)
	}
	c := aggregateBy(t, []string{"d"}, events...)
	totals, groups := c.Totals(), c.Groups()
	if len(totals) != 4 || len(groups) != 4 || totals.Events() != 4 || groups.Events() != 0 {
		t.Errorf("totals %v, groups %v", totals, groups)
	}
	if d := diff(c, totals.WithGroups(groups)); d != "" {
		t.Error(d)
	}
	if d := diff(totals, totals.WithGroups(nil)); d != "" {
		t.Error(d)
	}
}

func TestPartsOfDifferentContributionsDoNotJoin(t *testing.T) {
	c := twoTypes(t)
	counts := encoded(t, c, metrics.Filter{Slots: true})
	moved := metrics.Merge(c)
	moved[2].Day++
	for name, other := range map[string]metrics.Contribution{"fewer": c[:2], "another day": moved} {
		_, err := metrics.JoinParts(counts, encoded(t, other, metrics.Filter{Subjects: true}), metrics.Filter{Subjects: true})
		if !errors.Is(err, metrics.ErrCorrupt) {
			t.Errorf("JoinParts with the subjects of %s: %v, want ErrCorrupt", name, err)
		}
	}
}

func TestWithEventsLeavesOutWhatCountsNothing(t *testing.T) {
	c := twoTypes(t)
	empty := metrics.Merge(c)
	empty[1].Count = 0
	got := empty.WithEvents()
	if len(got) != 2 || got[0].Day != c[0].Day || got[1].Day != c[2].Day {
		t.Errorf("WithEvents is %v", got)
	}
	if len(empty) != 3 || empty[1].Count != 0 || len(c.WithEvents()) != 3 {
		t.Error("WithEvents changed a contribution")
	}
}
