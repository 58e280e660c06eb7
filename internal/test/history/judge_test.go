package history_test

import (
	"fmt"
	"slices"
	"time"
)

// verdict is what the answer to an upload must be.
type verdict struct {
	status   int
	code     string // of a problem
	earlier  []*batch
	replayed bool
	batch    *batch // that is new
}

// judge says what the answer to an upload must be.
func (m *model) judge(u *upload, now time.Time) verdict {
	if u.unknown || u.repairOf != nil && (m.byID(u.repairOf.id) == nil || u.repairOf.archived) {
		return verdict{status: 404, code: "not_found"}
	}
	if v, ok := m.judgeKey(u, now); ok {
		return v
	}
	if v := u.judgeRows(); v.status != 0 {
		return v
	}
	b := m.newBatch(u)
	if same := m.sharing(u.file.sha, u.file.schema); len(same) > 0 && !u.allow {
		return u.judgeEarlier(same, false)
	}
	if u.repairOf != nil && len(b.events) > m.open(u.repairOf) {
		return verdict{status: 422, code: "too_many_repairs"}
	}
	if u.dryRun {
		return verdict{status: 200, batch: b}
	}
	return verdict{status: 201, batch: b}
}

// judgeKey judges an upload whose key a batch has.
func (m *model) judgeKey(u *upload, now time.Time) (verdict, bool) {
	if u.key == "" || u.dryRun {
		return verdict{}, false
	}
	have := m.where(func(b *batch) bool { return b.keyEnd(u.key).After(now) })
	switch {
	case len(have) == 0:
		return verdict{}, false
	case have[0].sha != u.file.sha:
		return verdict{status: 422, code: "idempotency_key_reused"}, true
	}
	v := u.judgeEarlier(have, true)
	if own := have[0].key == u.key && have[0].keyExpires.After(now); !own && v.replayed {
		v.status = 200
	}
	return v, true
}

// judgeEarlier judges an upload whose content a batch has.
func (u *upload) judgeEarlier(have []*batch, replayed bool) verdict {
	now := u.reading()
	same := slices.DeleteFunc(slices.Clone(have), func(b *batch) bool { return !b.archived && b.reading != now })
	if len(same) == 0 {
		return verdict{status: 409, code: "read_otherwise", earlier: have}
	}
	if replayed {
		return verdict{status: 201, earlier: same, replayed: true}
	}
	return verdict{status: 200, earlier: same}
}

// reading says how the file is read with the options of the upload.
func (u *upload) reading() reading {
	r := u.file.reading
	if u.file.isLocal() {
		r.TimeZone = u.options.zone
		if r.TimeZone == "" {
			r.TimeZone = "UTC"
		}
	}
	return r
}

// judgeRows judges a file by its rejected rows.
func (u *upload) judgeRows() verdict {
	noIDs := u.dedupe == "event_id" && !u.file.withIDs
	if noIDs && !u.file.ndjson {
		return verdict{status: 422, code: "missing_column"}
	}
	bad, all := 0, len(u.file.rows)
	for i := range u.file.rows {
		if u.file.rows[i].code != "" || noIDs {
			bad++
		}
	}
	switch {
	case bad == 0:
		return verdict{}
	case u.max >= 0 && bad > u.max, u.strict, u.ratio >= 0 && float64(bad)/float64(all) > u.ratio:
		return verdict{status: 422, code: "too_many_errors"}
	case bad == all:
		return verdict{status: 422, code: "no_valid_row"}
	}
	return verdict{}
}

// newBatch returns the batch that the upload makes.
func (m *model) newBatch(u *upload) *batch {
	b := &batch{
		sha: u.file.sha, schema: u.file.schema, name: u.name, key: u.key, state: uploaded,
		reading: u.reading(), rejected: u.file.refused(),
	}
	if u.repairOf != nil {
		b.repairOf = u.repairOf.id
	}
	taken, seen := m.claimed(), map[string]int{}
	for _, e := range u.accepted() {
		claim := ""
		switch u.dedupe {
		case "event_id":
			claim = "id " + e.id
		case "occurrence":
			seen[e.text()]++
			claim = fmt.Sprintf("row %s %d", e.text(), seen[e.text()])
		}
		if claim != "" && taken[claim] {
			b.duplicates++
			continue
		}
		if claim != "" {
			taken[claim] = true
			b.claims = append(b.claims, claim)
		}
		b.events = append(b.events, e)
	}
	return b
}

// accepted returns the valid rows as the options of the upload read them.
func (u *upload) accepted() []*event {
	all := u.file.accepted()
	if !u.file.isLocal() {
		return all
	}
	then, now := u.file.zone(), u.zone()
	for _, e := range all {
		e.at = sameClock(e.at.In(then), now)
	}
	return all
}

func (u *upload) zone() *time.Location {
	zone, err := time.LoadLocation(u.options.zone)
	if err != nil {
		panic(err)
	}
	return zone
}

// sameClock returns the moment at which the clock of a zone shows a time: the
// first of two; if there is none, as much later as the clocks skip.
func sameClock(local time.Time, zone *time.Location) time.Time {
	form := time.DateTime
	wanted := local.Format(form)
	asUTC, _ := time.Parse(form, wanted)
	for minutes := -15 * 60; minutes <= 15*60; minutes += 15 {
		if t := asUTC.Add(time.Duration(minutes) * time.Minute); t.In(zone).Format(form) == wanted {
			return t.UTC()
		}
	}
	// Without the change of clocks it would have been this offset.
	_, offset := asUTC.Add(-24 * time.Hour).In(zone).Zone()
	return asUTC.Add(-time.Duration(offset) * time.Second)
}
