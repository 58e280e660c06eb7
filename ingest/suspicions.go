package ingest

import (
	"fmt"
	"slices"
	"strings"
)

// The codes of warnings. The files are read, but may not mean what was read.
const (
	TimeWithoutZone Code = "time_without_zone" // a time of day without zone, and Options.Zone is nil
	SkippedTime     Code = "skipped_time"      // a local time that the clocks skipped
	RepeatedTime    Code = "repeated_time"     // a local time that the clocks showed twice
	EqualIDs        Code = "equal_event_ids"   // most of the event ids are equal
	RepeatedHeader  Code = "repeated_header"   // the header stands in the middle of the file
	CutLastLine     Code = "cut_last_line"     // the last line has no end, and lacks fields or has a shorter time stamp than the event before
)

// WarningCodes returns the codes of warnings that need no rule.
func WarningCodes() []Code {
	return []Code{TimeWithoutZone, SkippedTime, RepeatedTime, EqualIDs, RepeatedHeader, CutLastLine}
}

// add counts a warning, and keeps the message and line of the first.
func (w *Warning) add(code Code, column, message string, line int64) {
	if w.Count++; w.Count == 1 {
		*w = Warning{Code: code, Column: column, Message: message, Count: 1, Line: line}
	}
}

// suspicions are what a Reader has noticed, in the order in which it did.
type suspicions struct {
	noted [5]Code
	notes [5]Warning
	ids   ids
}

// note counts a warning that needs no rule. The message is that of the first.
func (r *Reader) note(code Code, column string, message ...string) {
	i := slices.Index(r.noted[:], code)
	if i < 0 {
		i = slices.Index(r.noted[:], "")
		r.noted[i] = code
		r.notes[i] = Warning{Code: code, Column: column, Message: strings.Join(message, ""), Line: r.line}
	}
	r.notes[i].Count++
}

// noteTime counts what is suspicious about the time of an accepted event.
func (r *Reader) noteTime() {
	r.forms |= r.last.form
	r.local = r.local || r.last.local
	if r.last.naive && r.opts.Zone == nil {
		r.note(TimeWithoutZone, r.stampName(), "has no zone and is read as UTC; say which zone it is if it is another")
	}
	switch r.last.clocks {
	case repeated:
		r.note(RepeatedTime, r.stampName(), "is a time that the clocks of ", r.zone.location.String(), " showed twice; it is read as the earlier")
	case skipped:
		r.note(SkippedTime, r.stampName(), "is a time that the clocks of ", r.zone.location.String(), " skipped; it is moved forward by as much as they skipped")
	}
}

// noteCut warns of a last line that seems to be cut, whose time stamp has this
// length.
func (r *Reader) noteCut(length int) {
	if r.unended && (r.fields < r.cols.width || length < len(r.stamp)) {
		r.note(CutLastLine, "", "the file does not end with a line end, and its last line is shorter than those before: it may be cut")
	}
}

// suspicious returns the warnings that need no rule.
func (r *Reader) suspicious() (all []Warning) {
	for _, code := range WarningCodes() {
		if i := slices.Index(r.noted[:], code); i >= 0 {
			all = append(all, r.notes[i])
		}
		if w := r.ids.warning(r.opts.Schema.EventID); code == EqualIDs && w.Count > 0 {
			all = append(all, w)
		}
	}
	return all
}

// ids finds an event id that most rows have, by the algorithm of Misra and
// Gries with a few counters: if there is one, it has a counter at the end. Its
// counts are too low by at most the ids seen through the number of counters.
type ids struct {
	seen     int64
	counters [8]idCounter
}

type idCounter struct {
	id    string
	count int64
	exact int64 // how often it was seen since it has the counter
	line  int64
}

func (t *ids) add(id string, line int64) {
	t.seen++
	free := -1
	for i := range t.counters {
		c := &t.counters[i]
		switch {
		case c.count == 0:
			free = i
		case c.id == id:
			c.count++
			c.exact++
			return
		}
	}
	if free >= 0 {
		t.counters[free] = idCounter{id, 1, 1, line}
		return
	}
	for i := range t.counters {
		t.counters[i].count--
	}
}

// warning returns what there is to say of rows with one id.
func (t *ids) warning(column string) (w Warning) {
	for _, c := range t.counters {
		if c.count > 0 && c.exact > 1 && 2*c.exact > t.seen {
			w = Warning{
				Code: EqualIDs, Column: column, Count: c.exact, Line: c.line,
				Message: fmt.Sprintf("most rows have the id %s; an id should be of one event", shorten(c.id)),
			}
		}
	}
	return w
}
