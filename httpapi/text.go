package httpapi

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/eventmetrics/eventmetrics/internal/text/texttable"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/metrics/series"
)

// defaultColumns is the width of a text of which none is asked for.
const defaultColumns = 80

// encodeText draws a table with a row for each event type.
func encodeText(a *answer, _ func([]byte) []byte) []byte {
	t := texttable.Counts{Uniques: a.Uniques, Compared: a.compares()}
	var finalities []series.Finality
	for period := range a.result.Periods() {
		t.Dates = append(t.Dates, dateText(a, period[0].Start))
		finalities = append(finalities, period[0].Finality)
	}
	t.Rows = textRows(a, len(t.Dates))
	if a.compares() {
		before := a.Previous()
		t.Notes = append(t.Notes, fmt.Sprintf("before: %s to %s", before.From, before.To))
	}
	if !a.AsOf.IsZero() {
		t.Notes = append(t.Notes, "as of "+timeText(a.AsOf))
	}
	if a.Finality {
		t.Notes = append(t.Notes, finalityNotes(finalities)...)
	}
	if n := a.result.Unattributed; n > 0 {
		t.Notes = append(t.Notes, fmt.Sprintf("%d events not broken down", n))
	}
	if n := a.result.Collapsed; n > 0 {
		t.Notes = append(t.Notes, fmt.Sprintf("%d groups in %s", n, metrics.Other))
	}
	return []byte(t.Format(cmp.Or(a.columns, defaultColumns)))
}

// textRows collects the buckets of each type and group.
func textRows(a *answer, points int) []texttable.Row {
	var rows []texttable.Row
	var sums []*series.Bucket // of all points
	place := map[string]int{}
	point := -1
	for period := range a.result.Periods() {
		point++
		for i := range period {
			b := &period[i]
			name := textName(a, b)
			at, known := place[name]
			if !known {
				at = len(rows)
				place[name] = at
				rows = append(rows, texttable.Row{Name: name, Counts: make([]int64, points)})
				sums = append(sums, &series.Bucket{Subjects: &metrics.Sketch{}, PreviousSubjects: &metrics.Sketch{}})
			}
			rows[at].Counts[point] = b.Count
			sums[at].Merge(b)
		}
	}
	for i := range rows {
		rows[i].Previous = sums[i].Previous
		rows[i].Uniques, rows[i].PreviousUniques = sums[i].Uniques(), sums[i].PreviousUniques()
	}
	return rows
}

// textName joins what a bucket is called.
func textName(a *answer, b *series.Bucket) string {
	var names []string
	if !a.Total {
		names = append(names, b.Type)
	}
	for _, value := range b.Group {
		names = append(names, cmp.Or(value, "(empty)"))
	}
	return cmp.Or(strings.Join(names, " / "), "(all)")
}

// finalityNotes counts the points that are not settled.
func finalityNotes(all []series.Finality) []string {
	counts := map[series.Finality]int{}
	for _, f := range all {
		counts[f]++
	}
	var notes []string
	for _, f := range []series.Finality{series.Open, series.Pending, series.Settled, series.Sealed} {
		if counts[f] > 0 {
			notes = append(notes, fmt.Sprintf("%d %s", counts[f], f))
		}
	}
	return notes
}
