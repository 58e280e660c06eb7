package storetest_test

import (
	"slices"
	"strings"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
)

func brokenEvents() []broken {
	values, times := "events keep rows, ids, types and fields exactly", "events keep times to the nanosecond"
	return []broken{
		{"numbers the rows again", values, "Row: want 1000, got 3", func(p *patched) {
			p.editEvents(func(events []metrics.Event) []metrics.Event {
				for i := range events {
					events[i].Row = int64(i + 1)
				}
				return events
			})
		}},
		{"keeps rows in 32 bits", values, "Row: want 4294967302", func(p *patched) {
			p.editEvent(func(e *metrics.Event) { e.Row = int64(uint32(e.Row)) })
		}},
		{"makes up missing ids", values, "ID: want", func(p *patched) {
			p.editEvent(func(e *metrics.Event) {
				if e.ID == "" {
					e.ID = "1"
				}
			})
		}},
		{"sorts the fields", values, "orders of fields", func(p *patched) {
			p.editEvent(func(e *metrics.Event) {
				slices.SortFunc(e.Fields, func(a, b metrics.Field) int { return strings.Compare(a.Name, b.Name) })
			})
		}},
		{"drops empty values", values, "with empty values", func(p *patched) {
			p.editEvent(func(e *metrics.Event) {
				e.Fields = slices.DeleteFunc(e.Fields, func(f metrics.Field) bool { return f.Value == "" })
			})
		}},
		{"has the first event's columns in each", values, "differing sets", func(p *patched) { p.editEvents(sameColumns) }},
		{"has room for 100 fields", values, "with many fields", func(p *patched) {
			p.editEvent(func(e *metrics.Event) { e.Fields = e.Fields[:min(100, len(e.Fields))] })
		}},
		{"keeps milliseconds", times, "Time: want 2025-11-08T10:20:30.123456 UTC, got 2025-11-08T10:20:30.123 UTC", func(p *patched) {
			p.editEvent(func(e *metrics.Event) { e.Time = e.Time.Truncate(time.Millisecond) })
		}},
		{"keeps seconds", times, "Time: want 2025-11-08T10:20:30.1 UTC", func(p *patched) {
			p.editEvent(func(e *metrics.Event) { e.Time = e.Time.Truncate(time.Second) })
		}},
		{"keeps nanoseconds in 64 bits", times, "Time: want 2262", func(p *patched) {
			p.editEvent(func(e *metrics.Event) { e.Time = time.Unix(0, e.Time.UnixNano()).UTC() })
		}},
		{"answers in another zone", times, "Time: want", func(p *patched) {
			p.editEvent(func(e *metrics.Event) { e.Time = e.Time.In(time.FixedZone("here", 3600)) })
		}},
	}
}

func brokenTexts() []broken {
	texts, long := "events keep awkward strings", "a long batch comes back in order, however it was written"
	return []broken{
		{"trims values", texts, "awkward values", func(p *patched) {
			editFields(p, func(f *metrics.Field) { f.Value = strings.TrimSpace(f.Value) })
		}},
		{"escapes dots in names for good", texts, "awkward field names", func(p *patched) {
			editFields(p, func(f *metrics.Field) { f.Name = strings.ReplaceAll(f.Name, ".", "_") })
		}},
		{"cuts long values", texts, "awkward values", func(p *patched) {
			editFields(p, func(f *metrics.Field) { f.Value = f.Value[:min(255, len(f.Value))] })
		}},
		{"takes NULL for nothing", texts, "awkward types", func(p *patched) {
			p.editEvent(func(e *metrics.Event) { e.Type = strings.TrimPrefix(e.Type, "NULL") })
		}},
		{"ignores the case of ids", texts, "awkward ids", func(p *patched) {
			p.editEvent(func(e *metrics.Event) { e.ID = strings.ToLower(e.ID) })
		}},
		{"loses the last block", long, "got 16384, want 50000", func(p *patched) {
			p.editEvents(func(events []metrics.Event) []metrics.Event { return events[:min(16384, len(events))] })
		}},
		{"mixes up blocks", long, "event 0 of 50000 differs", func(p *patched) {
			p.editEvents(func(events []metrics.Event) []metrics.Event {
				return slices.Concat(events[8192:], events[:8192])
			})
		}},
		{"repeats the row at the border of two blocks", long, "event 8193 of", func(p *patched) {
			p.editEvents(func(events []metrics.Event) []metrics.Event {
				return slices.Insert(events, 8193, events[8192])
			})
		}},
		{"yields nothing of an unknown batch", "Events of an unknown batch is ErrNotFound", "batch not found", eventsOfUnknown},
	}
}

func editFields(p *patched, edit func(f *metrics.Field)) {
	p.editEvent(func(e *metrics.Event) {
		for i := range e.Fields {
			edit(&e.Fields[i])
		}
	})
}

// sameColumns gives each event the fields of the first, as a table does.
func sameColumns(events []metrics.Event) []metrics.Event {
	for i := range events {
		var row []metrics.Field
		for _, column := range events[0].Fields {
			row = append(row, metrics.Field{Name: column.Name, Value: events[i].Field(column.Name)})
		}
		events[i].Fields = row
	}
	return events
}
