package terminal

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/eventmetrics/eventmetrics/internal/sparkline"
)

// point is one bucket of a series, as the server tells it.
type point struct {
	Date    string
	Metrics []struct {
		Type  string `json:"event_type"`
		Count int64
	}
}

// table has a row for each event type.
type table struct {
	dates []string
	rows  []*row
}

// row is one event type: its counts by date, their sum and the greatest.
type row struct {
	name   string
	counts []int64
	total  int64
	peak   int
}

// newTable sums a series, the most frequent type first.
func newTable(points []point) *table {
	t := &table{}
	byType := map[string]*row{}
	for i, p := range points {
		t.dates = append(t.dates, p.Date)
		for _, m := range p.Metrics {
			r := byType[m.Type]
			if r == nil {
				r = &row{name: plain(m.Type), counts: make([]int64, len(points))}
				byType[m.Type] = r
				t.rows = append(t.rows, r)
			}
			r.counts[i] += m.Count
			r.total += m.Count
			if r.counts[i] > r.counts[r.peak] {
				r.peak = i
			}
		}
	}
	slices.SortFunc(t.rows, func(a, b *row) int {
		return cmp.Or(cmp.Compare(b.total, a.total), cmp.Compare(a.name, b.name))
	})
	return t
}

const (
	widestName = 40 // columns of the name of an event type
	leastLine  = 10 // and of a sparkline
)

// text draws the table for so many columns. All numbers that it shows can be
// read without the sparklines.
func (t *table) text(columns int) string {
	if len(t.rows) == 0 {
		return "no metrics found\n"
	}
	cells := [][]string{{"event type", "total", "peak", "on"}}
	for _, r := range t.rows {
		cells = append(cells, []string{
			cut(r.name, widestName), strconv.FormatInt(r.total, 10), strconv.FormatInt(r.counts[r.peak], 10), plain(t.dates[r.peak]),
		})
	}
	widths := make([]int, len(cells[0]))
	used := 0
	for i := range widths {
		for _, c := range cells {
			widths[i] = max(widths[i], columnsOf(c[i]))
		}
		used += widths[i] + 2
	}
	room := max(columns-used-1, leastLine)
	var b strings.Builder
	for i, c := range cells {
		line := "by time"
		if i > 0 {
			line = sparkline.Line(t.rows[i-1].counts, room)
		}
		fmt.Fprintf(&b, "%s  %*s  %*s  %s  %s\n", pad(c[0], widths[0]), widths[1], c[1], widths[2], c[2], pad(c[3], widths[3]), line)
	}
	b.WriteString(t.caption(room))
	return b.String()
}

// caption says what the sparklines cover.
func (t *table) caption(room int) string {
	first, last := plain(t.dates[0]), plain(t.dates[len(t.dates)-1])
	step := ""
	if n := sparkline.Step(len(t.dates), room); n > 1 {
		step = fmt.Sprintf(", the mean of %d a character", n)
	}
	return fmt.Sprintf("%s to %s, %s%s\n", first, last, count(int64(len(t.dates)), "point"), step)
}
