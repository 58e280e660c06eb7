package oracle

import (
	"strconv"
	"time"
)

// orderOf returns the only order that the date of a row fits, and whether the
// date fits two orders and is another day in each.
func (r *reader) orderOf(row *record) (only string, ambiguous bool) {
	if row.code != "" {
		return "", false
	}
	v := row.get(r.Time)
	m := yearLast.FindStringSubmatch(v)
	if m == nil || m[2] != m[4] {
		return "", false
	}
	first, _ := strconv.Atoi(m[1])
	second, _ := strconv.Atoi(m[3])
	year := m[0][len(m[0])-4:]
	isDate := func(day, month int) bool {
		_, err := time.Parse("2006-1-2", year+"-"+strconv.Itoa(month)+"-"+strconv.Itoa(day))
		return err == nil
	}
	switch day, month := isDate(first, second), isDate(second, first); {
	case day && month:
		return "", first != second
	case day:
		return "dmy", false
	case month:
		return "mdy", false
	}
	return "", false
}

// weigh notes the order that a row tells.
func (r *reader) weigh(row *record) error {
	if r.Order != "" {
		return nil
	}
	only, _ := r.orderOf(row)
	if only != "" && r.order != "" && only != r.order {
		return r.fail(MixedTime)
	}
	if only != "" {
		r.order = only
	}
	return nil
}

// needOrder finds the order for a row that needs it, from the rows after it.
func (r *reader) needOrder(at int) error {
	if _, ambiguous := r.orderOf(&r.rows[at]); !ambiguous || r.order != "" || !parse(r.rows[at].get(r.Time), r.Zone, "dmy", false).ok {
		return nil
	}
	for i := range r.rows[at:] {
		if only, _ := r.orderOf(&r.rows[at+i]); only != "" {
			r.order = only
			return nil
		}
	}
	return r.fail(AmbiguousTime)
}
