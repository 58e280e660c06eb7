// Package texttable formats tables of plain text, with sparklines, for terminals.
// It escapes what is not printable: text from files and servers must not control
// the terminal.
package texttable

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Counts is a table of counts with a row for each event type. Its texts are
// escaped by Plain.
type Counts struct {
	// Dates are the names of the points in time; there is at least one.
	Dates []string
	Rows  []Row
	// Uniques and Compared say whether the rows have these numbers.
	Uniques, Compared bool
	// Notes are added to the caption.
	Notes []string
}

// Row is one event type.
type Row struct {
	Name string
	// Counts has a count for each date of the table.
	Counts []int64
	// Uniques is the number of distinct subjects over all dates.
	Uniques int64
	// Previous and PreviousUniques are the numbers of the range that this one is
	// compared to.
	Previous, PreviousUniques int64
}

// sum returns the total of a row and the index of its greatest count.
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
	widestName = 40 // most columns of a cell
	leastLine  = 10 // fewest columns of a sparkline
)

// column is a column of Counts.
type column struct {
	head string
	cell func(*Row) string
	text bool // aligned left; numbers are aligned right
}

func (t *Counts) columns() []column {
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

// Column is a column of Format.
type Column struct {
	Head  string
	Cells []string
	Text  bool // aligned left; numbers are aligned right
}

// Add adds a cell. It escapes what is not printable, and cuts long text.
func (c *Column) Add(format string, args ...any) {
	c.Cells = append(c.Cells, Cut(Plain(fmt.Sprintf(format, args...)), widestName))
}

// Format returns columns with the same number of cells side by side, below a line
// with their heads.
func Format(columns ...Column) string {
	lines := make([]string, len(columns[0].Cells)+1)
	for _, c := range columns {
		appendColumn(lines, append([]string{c.Head}, c.Cells...), c.Text)
	}
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ") + "\n"
	}
	return strings.Join(lines, "")
}

// change returns the difference to an earlier number, in percent.
func change(now, before int64) string {
	switch {
	case now == before:
		return "="
	case before == 0:
		return "new"
	}
	return fmt.Sprintf("%+.1f %%", 100*(float64(now)/float64(before)-1))
}

// Format returns the table, the most frequent event type first. Its lines have at
// most so many columns, or more if a sparkline would be too short. The table can
// be read without the sparklines.
func (t *Counts) Format(columns int) string {
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
	room := max(columns-Width(lines[0])-1, leastLine)
	var b strings.Builder
	fmt.Fprintf(&b, "%sby time\n", lines[0])
	for i := range rows {
		fmt.Fprintf(&b, "%s%s\n", lines[i+1], Sparkline(rows[i].Counts, room))
	}
	return b.String() + t.caption(room)
}

// appendColumn appends a cell and two spaces to each line.
func appendColumn(lines, cells []string, left bool) {
	width := 0
	for _, c := range cells {
		width = max(width, Width(c))
	}
	for i, c := range cells {
		space := strings.Repeat(" ", width-Width(c))
		if left {
			lines[i] += c + space + "  "
		} else {
			lines[i] += space + c + "  "
		}
	}
}

// caption describes the sparklines.
func (t *Counts) caption(room int) string {
	points := strconv.Itoa(len(t.Dates)) + " points"
	if len(t.Dates) == 1 {
		points = "1 point"
	}
	all := []string{Plain(t.Dates[0]) + " to " + Plain(t.Dates[len(t.Dates)-1]), points}
	if n := PerCharacter(len(t.Dates), room); n > 1 {
		all = append(all, fmt.Sprintf("the mean of %d a character", n))
	}
	for _, note := range t.Notes {
		all = append(all, Plain(note))
	}
	return strings.Join(all, ", ") + "\n"
}
