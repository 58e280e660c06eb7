package legacy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

// cell is a day and event type of the daily metrics. The day is text because the
// original may have other text there.
type cell struct{ day, eventType string }

// tally is a number for each cell.
type tally map[cell]int64

// maxCells bounds the number of compared cells.
const maxCells = 1 << 20

// recount counts the stored events of a processed batch.
func (i *importer) recount(ctx context.Context, p importedBatch) error {
	last, day := metrics.Day(0), ""
	for e, err := range i.store.Events(ctx, p.id) {
		if errors.Is(err, store.ErrEventsPurged) {
			i.report.Uncompared = true
			return nil
		}
		if err != nil {
			return fmt.Errorf("legacy: recount batch %s: %w", p.from, err)
		}
		if d := metrics.DayOf(e.Time); d != last || day == "" {
			last, day = d, d.String()
		}
		i.add(i.counts, cell{day, e.Type}, 1)
	}
	return nil
}

// add adds to a cell. If there are too many cells, nothing is compared.
func (i *importer) add(to tally, c cell, n int64) {
	if _, known := to[c]; !known {
		if len(to) >= maxCells {
			i.report.Uncompared = true
			return
		}
		c.eventType = strings.Clone(c.eventType) // it shares the memory of a block of events
	}
	to[c] += n
}

// compare lists where the original's daily metrics differ from the recount.
func (i *importer) compare(ctx context.Context) error {
	original := tally{}
	for doc, err := range i.src.documents(ctx, "dailymetrics") {
		if err != nil {
			return err
		}
		day := text(doc, "date")
		entries, _ := doc.Lookup("metrics").ArrayOK()
		values, _ := entries.Values()
		for _, v := range values {
			entry, _ := v.DocumentOK()
			n, _ := entry.Lookup("count").AsInt64OK()
			i.add(original, cell{day, text(entry, "event_type")}, n)
		}
	}
	if i.report.Uncompared {
		return nil
	}
	both := maps.Clone(original)
	for c, n := range i.counts {
		i.report.Counted += n
		both[c] = n
	}
	for c := range both {
		if original[c] != i.counts[c] {
			i.report.Differences = append(i.report.Differences, Difference{c.day, c.eventType, original[c], i.counts[c]})
		}
	}
	slices.SortFunc(i.report.Differences, func(a, b Difference) int {
		return cmp.Or(cmp.Compare(a.Day, b.Day), cmp.Compare(a.EventType, b.EventType))
	})
	return nil
}
