// Package recount answers queries from raw events, slowly: each event is looked
// at by itself, with its own date. It is the oracle of tests and shares no code
// with what it tests: it imports the standard library only.
package recount

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
)

// Event is one event that counts.
type Event struct {
	Type, Subject string
	Time          time.Time
	// Values are the values of the other columns by name.
	Values map[string]string
}

// Batch is a file that counts.
type Batch struct {
	Events []Event
	// Dimensions are those by which it was broken down when it was recorded,
	// MaxValues and MaxGroups the limits of that, 0 for none.
	Dimensions           []string
	MaxValues, MaxGroups int
	// Recorded is when it began to count.
	Recorded time.Time
}

// Query is what is asked. Its fields are those of an HTTP request.
type Query struct {
	Interval, Compare    string
	Zone                 *time.Location
	From, To             string // in the form 2006-01-02, or ""
	Types, GroupBy       []string
	Where                map[string][]string
	Total, Uniques, Fill bool
	SoFar                bool // needs Now or AsOf
	Top                  int
	Other                bool
	AsOf                 time.Time
	// Now is the present, and Pending says that a batch does not count yet. They
	// decide the finality, which is left out if Now is zero.
	Now     time.Time
	Pending bool
}

// Refusals that [Query.Answer] gives in place of an answer.
const (
	GroupUniques = "uniques are not known by dimension"
	ZoneUniques  = "uniques are not known in a zone or by the hour"
	NoSubject    = "no event has a subject"
)

// Answer is what the events say.
type Answer struct {
	// Refused is why there is no answer, with the day and type for NoSubject.
	Refused string
	// Rows ascend by period, type and group.
	Rows                               []Row
	Count, Previous                    int64
	Unattributed, PreviousUnattributed int64
	Collapsed                          int
	Finality                           string
}

// Row is the count of one period, type and group.
type Row struct {
	// Period is the date of its first day or, of an hour, its first moment in RFC
	// 3339. Without a first day, "all" is called by the date of the first event.
	Period, Type              string
	Group                     string // see [Group]
	Count, Previous           int64
	Uniques, PreviousUniques  int
	Finality                  string
	subjects, earlierSubjects map[string]bool
}

// Values that stand for others.
const (
	other   = "__other__"
	unknown = "__unknown__"
)

type key struct{ period, eventType, group string }

// sums are the rows of an answer that is not ready.
type sums struct {
	*Query
	calendar
	rows  map[key]*Row
	begin string // the date of the first event that is in a row
	Answer
}

// Answer counts the events of batches.
func (q Query) Answer(batches []Batch) Answer {
	s := &sums{Query: &q, calendar: newCalendar(&q), rows: map[key]*Row{}}
	batches = slices.DeleteFunc(slices.Clone(batches), func(b Batch) bool { return !q.AsOf.IsZero() && b.Recorded.After(q.AsOf) })
	if s.Refused = s.refusal(batches); s.Refused != "" {
		return Answer{Refused: s.Refused}
	}
	for i := range batches {
		counted := batches[i].counted()
		for j := range counted {
			s.count(&batches[i], &counted[j])
		}
	}
	for _, r := range s.rows {
		s.Count, s.Previous = s.Count+r.Count, s.Previous+r.Previous
	}
	if len(q.GroupBy) > 0 {
		s.collapse()
	}
	if q.Fill {
		s.fill()
	}
	s.setFinality()
	if q.Top > 0 && len(q.GroupBy) == 0 {
		s.keepTop()
	}
	for _, r := range s.rows {
		r.Uniques, r.PreviousUniques = len(r.subjects), len(r.earlierSubjects)
		r.subjects, r.earlierSubjects = nil, nil
		if !q.Uniques {
			r.Uniques, r.PreviousUniques = 0, 0
		}
		if r.Period == "all" {
			r.Period = s.beginning()
		}
		s.Rows = append(s.Rows, *r)
	}
	slices.SortFunc(s.Rows, func(a, b Row) int {
		return cmp.Or(s.order(a.Period, b.Period), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Group, b.Group))
	})
	return s.Answer
}

func (s *sums) refusal(batches []Batch) string {
	grouped, day := len(s.GroupBy)+len(s.Where) > 0, s.Interval != "hour"
	switch {
	case !s.Uniques:
		return ""
	case grouped:
		return GroupUniques
	case !day || s.Zone != time.UTC || s.SoFar:
		return ZoneUniques
	}
	if missing := s.noSubject(batches, s.isNow); missing != "" {
		return missing
	}
	return s.noSubject(batches, s.isEarlier)
}

// noSubject finds the first day and type in a range without any subject.
func (s *sums) noSubject(batches []Batch, in func(date string) bool) string {
	has := map[string]bool{}
	for _, b := range batches {
		for _, e := range b.Events {
			if date := e.Time.UTC().Format(time.DateOnly); in(date) && s.wants(e.Type) {
				has[date+" "+e.Type] = has[date+" "+e.Type] || e.Subject != ""
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(has)) {
		if !has[name] {
			return NoSubject + ": " + name
		}
	}
	return ""
}

func (q *Query) wants(eventType string) bool {
	return len(q.Types) == 0 || slices.Contains(q.Types, eventType)
}

// count counts an event where it belongs.
func (s *sums) count(b *Batch, e *Event) {
	local := e.Time.In(s.Zone)
	now, earlier := s.isNow(local.Format(time.DateOnly)), s.isEarlier(local.Format(time.DateOnly))
	if earlier && s.SoFar && !s.aligned(local).Before(cmp.Or(s.AsOf, s.Now).Truncate(quarter)) {
		earlier = false
	}
	if !s.wants(e.Type) || !now && !earlier {
		return
	}
	selected, possible := s.selects(b, e)
	if possible && now {
		s.Unattributed++
	}
	if possible && earlier {
		s.PreviousUnattributed++
	}
	if !selected {
		return
	}
	if now {
		if date := local.Format(time.DateOnly); s.begin == "" || date < s.begin {
			s.begin = date
		}
		r := s.row(s.period(local), e.Type, s.group(b, e))
		r.Count++
		note(r.subjects, e.Subject)
	}
	if earlier {
		r := s.row(s.period(s.aligned(local)), e.Type, s.group(b, e))
		r.Previous++
		note(r.earlierSubjects, e.Subject)
	}
}

// beginning returns the date of the first day of the one period of all.
func (s *sums) beginning() string {
	if s.From == "" {
		return s.begin
	}
	return s.first(s.From).Format(time.DateOnly)
}

func note(subjects map[string]bool, subject string) {
	if subject != "" {
		subjects[subject] = true
	}
}

func (s *sums) row(period, eventType, group string) *Row {
	if s.Total {
		eventType = ""
	}
	k := key{period, eventType, group}
	if s.rows[k] == nil {
		s.rows[k] = &Row{Period: period, Type: eventType, Group: group, subjects: map[string]bool{}, earlierSubjects: map[string]bool{}}
	}
	return s.rows[k]
}

// rename gives rows another type or group, and adds those up that are equal then.
func (s *sums) rename(name func(*Row) (eventType, group string)) {
	rows := s.rows
	s.rows = map[key]*Row{}
	for _, r := range rows {
		eventType, group := name(r)
		to := s.row(r.Period, eventType, group)
		to.Count, to.Previous, to.Finality = to.Count+r.Count, to.Previous+r.Previous, r.Finality
		maps.Copy(to.subjects, r.subjects)
		maps.Copy(to.earlierSubjects, r.earlierSubjects)
	}
}

// ranked returns names by the sum of their counts.
func ranked(sums map[string]int64) []string {
	return slices.SortedFunc(maps.Keys(sums), func(a, b string) int {
		return cmp.Or(cmp.Compare(sums[b], sums[a]), strings.Compare(a, b))
	})
}

func (s *sums) keepTop() {
	counts := map[string]int64{}
	for _, r := range s.rows {
		if !s.Other || r.Type != other {
			counts[r.Type] += r.Count
		}
	}
	order := ranked(counts)
	kept := order[:min(s.Top, len(order))]
	if !s.Other {
		maps.DeleteFunc(s.rows, func(_ key, r *Row) bool { return !slices.Contains(kept, r.Type) })
		return
	}
	s.rename(func(r *Row) (string, string) {
		if slices.Contains(kept, r.Type) {
			return r.Type, r.Group
		}
		return other, r.Group
	})
}

func (s *sums) fill() {
	type column struct{ eventType, group string }
	columns := map[column]bool{}
	for _, r := range s.rows {
		columns[column{r.Type, r.Group}] = true
	}
	if len(s.GroupBy) == 0 {
		for _, name := range s.Types {
			columns[column{name, ""}] = true
		}
		if s.Total {
			columns = map[column]bool{{}: true}
		}
	}
	var used []string
	for _, r := range s.rows {
		used = append(used, r.Period)
	}
	for _, period := range s.periods(used) {
		for c := range columns {
			s.row(period, c.eventType, c.group)
		}
	}
}
