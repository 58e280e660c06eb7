package metrics

import (
	"errors"
	"slices"
	"strings"
)

// Errors of [Aggregator.Add]: the event would exceed a cap and was not
// counted.
var (
	ErrTooManyTypes = errors.New("metrics: too many event types")
	ErrTooManyDays  = errors.New("metrics: too many days")
	ErrTooManyCells = errors.New("metrics: too many combinations of day and event type")
)

// AggregatorOptions bound the memory of an Aggregator. The zero value means
// the defaults.
type AggregatorOptions struct {
	// Subject is the name of the field whose distinct values are estimated;
	// "" means none.
	Subject string
	// MaxTypes is the greatest number of event types; 0 means 1,000.
	MaxTypes int
	// MaxDays is the greatest number of days; 0 means 4,000.
	MaxDays int
	// MaxCells is the greatest number of combinations of day and event type,
	// each of which may need 5 KiB; 0 means 16,384.
	MaxCells int
}

// Aggregator sums events into a [Contribution]. It allocates only when it
// meets a new event type or day. It is not safe for concurrent use.
type Aggregator struct {
	opts    AggregatorOptions
	subject int // where the subject was last found among the fields
	types   map[string]int32
	days    map[Day]struct{}
	cells   map[cellKey]*Daily
	last    *Daily
}

type cellKey struct {
	day      Day
	typeCode int32
}

// NewAggregator returns an empty Aggregator. Nil options mean the defaults.
func NewAggregator(opts *AggregatorOptions) *Aggregator {
	a := &Aggregator{
		types: map[string]int32{},
		days:  map[Day]struct{}{},
		cells: map[cellKey]*Daily{},
		last:  &Daily{},
	}
	if opts != nil {
		a.opts = *opts
	}
	setDefault(&a.opts.MaxTypes, 1000)
	setDefault(&a.opts.MaxDays, 4000)
	setDefault(&a.opts.MaxCells, 16384)
	return a
}

func setDefault(v *int, def int) {
	if *v <= 0 {
		*v = def
	}
}

// Add counts one event. An event without a subject counts, but not as a
// subject. Errors: ErrTooManyTypes, ErrTooManyDays, ErrTooManyCells; after
// each of them the Aggregator is as before and goes on working.
func (a *Aggregator) Add(e *Event) error {
	day, slot := dayAndSlot(e.Time)
	cell := a.last
	if cell.Day != day || cell.Type != e.Type || cell.Slots == nil {
		var err error
		if cell, err = a.cell(day, e.Type); err != nil {
			return err
		}
		a.last = cell
	}
	cell.Count++
	cell.Slots[slot]++
	if subject := a.subjectOf(e); subject != "" {
		cell.Subjects.Add(subject)
	}
	return nil
}

func (a *Aggregator) cell(day Day, eventType string) (*Daily, error) {
	code, known := a.types[eventType]
	if known {
		if cell := a.cells[cellKey{day, code}]; cell != nil {
			return cell, nil
		}
	}
	if !known && len(a.types) >= a.opts.MaxTypes {
		return nil, ErrTooManyTypes
	}
	if _, ok := a.days[day]; !ok && len(a.days) >= a.opts.MaxDays {
		return nil, ErrTooManyDays
	}
	if len(a.cells) >= a.opts.MaxCells {
		return nil, ErrTooManyCells
	}
	eventType = strings.Clone(eventType) // it shares memory with its file
	if !known {
		code = int32(len(a.types))
		a.types[eventType] = code
	}
	a.days[day] = struct{}{}
	cell := &Daily{Day: day, Type: eventType, Slots: new([SlotsPerDay]int64), Subjects: &Sketch{}}
	a.cells[cellKey{day, code}] = cell
	return cell, nil
}

// subjectOf finds the subject where it was last, which is where it is in
// every row of a CSV file.
func (a *Aggregator) subjectOf(e *Event) string {
	if a.opts.Subject == "" {
		return ""
	}
	if i := a.subject; i < len(e.Fields) && e.Fields[i].Name == a.opts.Subject {
		return e.Fields[i].Value
	}
	for i := range e.Fields {
		if e.Fields[i].Name == a.opts.Subject {
			a.subject = i
			return e.Fields[i].Value
		}
	}
	return ""
}

// Contribution returns the sum of the events added so far. It shares no memory
// with the Aggregator, which may go on.
func (a *Aggregator) Contribution() Contribution {
	c := make(Contribution, 0, len(a.cells))
	for _, cell := range a.cells {
		c = append(c, cell.Clone())
	}
	slices.SortFunc(c, func(x, y Daily) int { return x.Compare(&y) })
	return c
}
