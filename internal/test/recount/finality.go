package recount

import "time"

// setFinality says whether the counts can be expected to stay. No events are
// ever purged here, so none is sealed.
func (s *sums) setFinality() {
	if s.Now.IsZero() {
		return
	}
	s.Finality = s.finality(s.To, s.To != "")
	for _, r := range s.rows {
		last, limited := s.last(r.Period)
		if s.Interval == "hour" {
			r.Finality = s.until(s.hourEnd(r.Period), true)
			continue
		}
		r.Finality = s.finality(last, limited)
	}
}

// last returns the last date of a period in the range.
func (s *sums) last(period string) (date string, limited bool) {
	if s.Interval == "all" {
		return s.To, s.To != ""
	}
	date = s.dateOf(period)
	for s.periodOf(addDays(date, 1)) == s.periodOf(date) && s.Interval != "day" {
		date = addDays(date, 1)
	}
	if s.To != "" {
		date = min(date, s.To)
	}
	return date, true
}

// hourEnd returns the end of a period of an hour, which may be shorter.
func (s *sums) hourEnd(period string) time.Time {
	start, _ := time.Parse(time.RFC3339, period)
	start = start.In(s.Zone)
	end := start
	for end.Format(hourForm) == start.Format(hourForm) {
		end = end.Add(quarter)
	}
	return end
}

func (s *sums) finality(last string, limited bool) string {
	if !limited {
		return s.until(time.Time{}, false)
	}
	return s.until(s.first(addDays(last, 1)), true)
}

func (s *sums) until(end time.Time, limited bool) string {
	switch {
	case !limited || s.Now.Before(end):
		return "open"
	case s.Pending:
		return "pending"
	}
	return "settled"
}
