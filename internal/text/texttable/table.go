package texttable

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Table is a series with a row for each event type. All that it is given may
// come from anywhere: what is not printable is made plain.
type Table struct {
	// Dates are the names of the points in time; there is one at least.
	Dates []string
	Rows  []Row
	// Uniques and Compared are set where the rows have those numbers.
	Uniques, Compared bool
	// Notes are added to the caption.
	Notes []string
}

// Row is one event type.
type Row struct {
	Name string
	// Counts has a count for each date of the table.
	Counts []int64
	// Uniques is the number of distinct subjects of all dates together.
	Uniques int64
	// Previous and PreviousUniques are the numbers of an earlier range.
	Previous, PreviousUniques int64
}

// sum returns the total of a row and the place of its greatest count.
func (r *Row) sum() (total int64, peak int) {
	for i, n := range r.Counts {
		total += n
		if n > r.Counts[peak] {
			peak = i
		}
	}
	return total, peak
}

const (
	widestName = 40 // columns of the name of an event type
	leastLine  = 10 // and of a sparkline
)

// column is a column of the table.
type column struct {
	head string
	cell func(*Row) string
	text bool // and no number: it is on the left of its column
}

func (t *Table) columns() []column {
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	total := func(r *Row) int64 { n, _ := r.sum(); return n }
	peak := func(r *Row) int { _, at := r.sum(); return at }
	all := []column{
		{"event type", func(r *Row) string { return Cut(Plain(r.Name), widestName) }, true},
		{"total", func(r *Row) string { return number(total(r)) }, false},
	}
	if t.Compared {
		all = append(
			all,
			column{"before", func(r *Row) string { return number(r.Previous) }, false},
			column{"change", func(r *Row) string { return change(total(r), r.Previous) }, false},
		)
	}
	if t.Uniques {
		all = append(all, column{"uniques", func(r *Row) string { return number(r.Uniques) }, false})
	}
	if t.Uniques && t.Compared {
		all = append(all, column{"before", func(r *Row) string { return number(r.PreviousUniques) }, false})
	}
	return append(
		all,
		column{"peak", func(r *Row) string { return number(r.Counts[peak(r)]) }, false},
		column{"on", func(r *Row) string { return Plain(t.Dates[peak(r)]) }, true},
	)
}

// Column is a column of Lines.
type Column struct {
	Head  string
	Cells []string
	Text  bool // and no number: it is on the left of its column
}

// Add adds a cell. What is not printable in it is made plain, and what is long
// is cut.
func (c *Column) Add(format string, args ...any) {
	c.Cells = append(c.Cells, Cut(Plain(fmt.Sprintf(format, args...)), widestName))
}

// Lines draws columns with the same number of cells side by side, under a line
// of their heads.
func Lines(columns ...Column) string {
	lines := make([]string, len(columns[0].Cells)+1)
	for _, c := range columns {
		appendColumn(lines, append([]string{c.Head}, c.Cells...), c.Text)
	}
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ") + "\n"
	}
	return strings.Join(lines, "")
}

// change is the difference to an earlier number, in percent of that.
func change(now, before int64) string {
	switch {
	case now == before:
		return "="
	case before == 0:
		return "new"
	}
	return fmt.Sprintf("%+.1f %%", 100*(float64(now)/float64(before)-1))
}

// Text draws the table for so many columns, the most frequent type first. All
// its numbers can be read without the sparklines. Where there is no room for
// them, the lines are longer.
func (t *Table) Text(columns int) string {
	rows := slices.SortedStableFunc(slices.Values(t.Rows), func(a, b Row) int {
		x, _ := a.sum()
		y, _ := b.sum()
		return cmp.Or(cmp.Compare(y, x), cmp.Compare(a.Name, b.Name))
	})
	lines := make([]string, len(rows)+1)
	for _, c := range t.columns() {
		cells := []string{c.head}
		for i := range rows {
			cells = append(cells, c.cell(&rows[i]))
		}
		appendColumn(lines, cells, c.text)
	}
	room := max(columns-ColumnsOf(lines[0])-1, leastLine)
	var b strings.Builder
	fmt.Fprintf(&b, "%sby time\n", lines[0])
	for i := range rows {
		fmt.Fprintf(&b, "%s%s\n", lines[i+1], Line(rows[i].Counts, room))
	}
	return b.String() + t.caption(room)
}

// appendColumn adds a cell and two spaces to each line.
func appendColumn(lines, cells []string, left bool) {
	width := 0
	for _, c := range cells {
		width = max(width, ColumnsOf(c))
	}
	for i, c := range cells {
		space := strings.Repeat(" ", width-ColumnsOf(c))
		if left {
			lines[i] += c + space + "  "
		} else {
			lines[i] += space + c + "  "
		}
	}
}

// caption says what the sparklines cover.
func (t *Table) caption(room int) string {
	points := strconv.Itoa(len(t.Dates)) + " points"
	if len(t.Dates) == 1 {
		points = "1 point"
	}
	all := []string{Plain(t.Dates[0]) + " to " + Plain(t.Dates[len(t.Dates)-1]), points}
	if n := Step(len(t.Dates), room); n > 1 {
		all = append(all, fmt.Sprintf("the mean of %d a character", n))
	}
	for _, note := range t.Notes {
		all = append(all, Plain(note))
	}
	return strings.Join(all, ", ") + "\n"
}
