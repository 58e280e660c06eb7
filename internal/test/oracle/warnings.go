package oracle

// warn lists what is suspicious and how the input was understood.
func (r *reader) warn() {
	list := []struct {
		code string
		w    Warning
	}{
		{"time_without_zone", r.zoneless},
		{"skipped_time", r.skipped},
		{"repeated_time", r.twice},
		{"equal_event_ids", r.equalIDs()},
		{"repeated_header", r.repeated},
		{"cut_last_line", r.cutLine()},
	}
	for i := range r.Rules {
		code := r.Rules[i].Code
		if code == "" {
			code = "broken_rule"
		}
		list = append(list, struct {
			code string
			w    Warning
		}{code, r.broken[i]})
	}
	for _, l := range list {
		if l.w.Count > 0 {
			l.w.Code = l.code
			r.result.Warnings = append(r.result.Warnings, l.w)
		}
	}
	as := &r.result.ReadAs
	for _, form := range []string{"iso_zoned", "iso_local", "iso_date", "numeric", "compact", "unix_s", "unix_ms", "unix_us", "unix_ns"} {
		if r.forms[form] {
			as.TimeForms = append(as.TimeForms, form)
		}
	}
	if r.forms["numeric"] {
		as.DateOrder = r.order
	}
	if r.naive {
		if as.TimeZone = "UTC"; r.Zone != nil {
			as.TimeZone = r.Zone.String()
		}
	}
}

// equalIDs counts the rows with the id that most rows with an id have.
func (r *reader) equalIDs() (most Warning) {
	counts, all := map[string]*Warning{}, int64(0)
	for _, row := range r.result.Rows {
		if row.ID == "" {
			continue
		}
		all++
		if counts[row.ID] == nil {
			counts[row.ID] = &Warning{}
		}
		counts[row.ID].add(row.Line)
	}
	for _, w := range counts {
		if w.Count > 1 && 2*w.Count > all {
			most = *w
		}
	}
	return most
}

// cutLine looks at the last row if its line has no end.
func (r *reader) cutLine() (w Warning) {
	if r.endless > 0 {
		w.add(r.endless)
	}
	return w
}
