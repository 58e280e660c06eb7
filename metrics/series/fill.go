package series

import "time"

// fill adds the buckets that are missing, with count 0.
func (t *table) fill() error {
	if !t.query.grouped() { // which groups a type without events would have is unknown
		t.addColumns()
	}
	first, last := t.extent()
	if first.IsZero() {
		return nil
	}
	for start := first; !start.After(last); start = t.interval.next(start) {
		p := t.period(start)
		for col := range t.columns {
			if !t.columns[col].collapsed {
				t.bucket(p, col)
			}
		}
		if err := t.checkSize(); err != nil {
			return err
		}
	}
	return nil
}

// addColumns adds the columns of the types that the query names, whether they
// occur or not.
func (t *table) addColumns() {
	for _, eventType := range t.query.Types {
		t.column(eventType, &t.total)
	}
	if t.query.Total {
		t.column("", &t.total)
	}
}

// extent returns the starts of the first and the last period: of the range or,
// where it has no limit, of those with events.
func (t *table) extent() (first, last time.Time) {
	for _, p := range t.periods {
		if len(p.buckets)+len(p.sparse) == 0 { // of a day with events, but at another hour
			continue
		}
		if first.IsZero() || p.start.Before(first) {
			first = p.start
		}
		if p.start.After(last) {
			last = p.start
		}
	}
	if !t.from.IsZero() {
		first = t.start(t.from)
	}
	if !t.until.IsZero() {
		last = t.start(t.until.Add(-1))
	}
	return first, last
}
