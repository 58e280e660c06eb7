package storetest

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

// diffBatch lists the fields in which two batches differ.
func diffBatch(want, got store.Batch) string { return diffStruct(want, got) }

// diffEvent lists the fields in which two events differ. No fields and nil
// fields are the same.
func diffEvent(want, got metrics.Event) string {
	if sameEvent(&want, &got) {
		return ""
	}
	if len(want.Fields) == 0 && len(got.Fields) == 0 {
		want.Fields, got.Fields = nil, nil
	}
	return diffStruct(want, got)
}

// sameEvent is quick, because the suite compares millions of events.
func sameEvent(want, got *metrics.Event) bool {
	return want.Row == got.Row && want.ID == got.ID && want.Type == got.Type &&
		sameTime(want.Time, got.Time) && slices.Equal(want.Fields, got.Fields)
}

func diffStruct(want, got any) string {
	var out strings.Builder
	w, g := reflect.ValueOf(want), reflect.ValueOf(got)
	for i := range w.NumField() {
		x, y := w.Field(i).Interface(), g.Field(i).Interface()
		if !same(x, y) {
			fmt.Fprintf(&out, "\n\t%s: want %s, got %s", w.Type().Field(i).Name, show(x), show(y))
		}
	}
	return out.String()
}

// same is deep equality, but for times it means the same moment in UTC.
func same(x, y any) bool {
	t, ok := x.(time.Time)
	if !ok {
		return reflect.DeepEqual(x, y)
	}
	return sameTime(t, y.(time.Time))
}

func sameTime(want, got time.Time) bool { return want.Equal(got) && got.Location() == time.UTC }

func show(v any) string {
	s := fmt.Sprintf("%#v", v)
	if t, ok := v.(time.Time); ok {
		s = t.Format("2006-01-02T15:04:05.999999999 MST")
	}
	const limit = 300
	if len(s) > limit {
		return s[:limit] + "..."
	}
	return s
}

// diffEvents says where two lists of events differ first.
func diffEvents(want, got []metrics.Event) string {
	for i := range min(len(want), len(got)) {
		if d := diffEvent(want[i], got[i]); d != "" {
			return fmt.Sprintf("event %d of %d differs:%s", i, len(want), d)
		}
	}
	if len(want) != len(got) {
		return fmt.Sprintf("want %d events, got %d", len(want), len(got))
	}
	return ""
}

// diffDayCounts says where two lists of dailies differ first.
func diffDayCounts(want, got metrics.Contribution) string {
	for i := range min(len(want), len(got)) {
		if d := diffDayCount(&want[i], &got[i]); d != "" {
			return fmt.Sprintf("entry %d of %d: %s", i, len(want), d)
		}
	}
	if len(want) != len(got) {
		return fmt.Sprintf("want %d entries, got %d:\nwant %s\n got %s", len(want), len(got), names(want), names(got))
	}
	return ""
}

func diffDayCount(want, got *metrics.DayCount) string {
	switch {
	case want.Compare(got) != 0:
		return fmt.Sprintf("want %s, got %s", name(want), name(got))
	case want.Count != got.Count:
		return fmt.Sprintf("%s: want count %d, got %d", name(want), want.Count, got.Count)
	case (want.Slots == nil) != (got.Slots == nil):
		return fmt.Sprintf("%s: want Slots %t, got Slots %t", name(want), want.Slots != nil, got.Slots != nil)
	case !want.Slots.Equal(got.Slots):
		return fmt.Sprintf("%s: want slots %v, got %v", name(want), maps.Collect(want.Slots.Each()), maps.Collect(got.Slots.Each()))
	case (want.Subjects == nil) != (got.Subjects == nil):
		return fmt.Sprintf("%s: want Subjects %t, got Subjects %t", name(want), want.Subjects != nil, got.Subjects != nil)
	case want.Subjects != nil && !want.Subjects.Equal(got.Subjects):
		return fmt.Sprintf("%s: the sketch is of other subjects: want about %d, got about %d",
			name(want), want.Subjects.Estimate(), got.Subjects.Estimate())
	}
	return ""
}

func name(d *metrics.DayCount) string {
	if d.Group != "" {
		return fmt.Sprintf("%s %.40q of group %.80q", d.Day, d.Type, d.Group)
	}
	return fmt.Sprintf("%s %.40q", d.Day, d.Type)
}

func names(c metrics.Contribution) string {
	var all []string
	for i := range c {
		all = append(all, name(&c[i]))
	}
	if len(all) > 20 {
		all = append(all[:20], "...")
	}
	return strings.Join(all, ", ")
}

// idsOf returns the ids of batches in their order.
func idsOf(batches []store.Batch) []string {
	ids := make([]string, 0, len(batches))
	for i := range batches {
		ids = append(ids, batches[i].ID)
	}
	return ids
}

// idsAre reports a list of batches that is not the wanted one.
func (c *check) idsAre(when string, want []string, got []store.Batch) {
	c.Helper()
	if !slices.Equal(want, idsOf(got)) {
		c.Errorf("Batches %s:\nwant %v\n got %v", when, want, idsOf(got))
	}
}
