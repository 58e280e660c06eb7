package history_test

import (
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"time"
)

// file is a generated file and what its rows mean.
type file struct {
	content []byte
	sha     string
	schema  string
	rows    []row
	lines   []int // of the rows
	reading reading
	options options
	ndjson  bool
	withIDs bool
	number  int
}

// row is a row of a file, valid or not.
type row struct {
	event
	code, column string // what is wrong with it; "" if nothing
	tooMany      bool   // a value more than there are columns
}

// reading is how a file is understood, as answers have it.
type reading struct {
	Format    string `json:"format"`
	Delimiter string `json:"delimiter"`
	Encoding  string `json:"encoding"`
	DateOrder string `json:"date_order"`
	TimeZone  string `json:"time_zone"`
}

// options say how a file is to be read.
type options struct {
	zone, layout, encoding string
}

// schemaNames are the names of the columns that mean something.
type columnNames struct{ kind, at, id string }

func namesOf(schema string) columnNames {
	if schema == "visits" {
		return columnNames{"kind", "at", "id"}
	}
	return columnNames{"event_type", "timestamp", "event_id"}
}

var (
	kinds     = []string{"started", "ended", "a.b", "$x", "é", "__other__"}
	subjects  = []string{"C1", "C2", "C3", "C4", "C5", "Müller, Änne", `O'Neil "Q"`}
	tests     = []string{"T1", "T2", "T3", "T;2", "__other__", "__unknown__", "a|b"}
	countries = []string{"de", "np", "fr", "", "DE"}
	devices   = []string{"phone", "desk", ""}
	scores    = []string{"1", "7.5", "10", ""}
)

// allDimensions are the columns by which a server may break down counts.
var allDimensions = []string{"test_id", "country", "device"}

// firstDay is the day of the first events. Clocks are changed in the days that
// follow, and a month ends.
var firstDay = time.Date(2025, 10, 24, 0, 0, 0, 0, time.UTC)

const days = 11

func pick[T any](rng *rand.Rand, from []T) T { return from[rng.IntN(len(from))] }

// chance is true n times in a hundred.
func chance(rng *rand.Rand, n int) bool { return rng.IntN(100) < n }

// newEvent draws an event of a schema.
func newEvent(rng *rand.Rand, schema string) event {
	at := firstDay.AddDate(0, 0, rng.IntN(days))
	if chance(rng, 10) {
		at = at.AddDate(-1, 0, 0)
	}
	e := event{
		kind: pick(rng, kinds), subject: pick(rng, subjects),
		at: at.Add(time.Duration(rng.IntN(96))*15*time.Minute + time.Duration(pick(rng, []int{0, 1, 300, 899}))*time.Second),
	}
	e.values = map[string]string{"test_id": pick(rng, tests), "country": pick(rng, countries), "device": pick(rng, devices)}
	if schema == "visits" {
		e.values["score"] = pick(rng, scores)
		if chance(rng, 20) {
			e.values["test_id"] = ""
		}
	}
	return e
}

// newRow draws a row that may be wrong.
func newRow(rng *rand.Rand, schema string, wrong int) row {
	r := row{event: newEvent(rng, schema)}
	if !chance(rng, wrong) {
		return r
	}
	names := namesOf(schema)
	faults := []row{
		{code: "missing_value", column: "candidate_id"},
		{code: "missing_value", column: names.kind},
		{code: "missing_value", column: names.at},
		{code: "bad_timestamp", column: names.at},
		{code: "too_many_fields", tooMany: true},
	}
	if schema == "visits" {
		faults = append(faults, row{code: "bad_score", column: "score"})
	} else {
		faults = append(faults, row{code: "missing_value", column: "test_id"})
	}
	f := pick(rng, faults)
	r.code, r.column, r.tooMany = f.code, f.column, f.tooMany
	return r
}

// newFile draws a file. With ids means that it has the column of event ids.
func (m *model) newFile(rng *rand.Rand, withIDs bool) *file {
	f := &file{number: len(m.files) + 1, withIDs: withIDs}
	if chance(rng, 25) {
		f.schema = "visits"
	}
	wrong := pick(rng, []int{0, 0, 10, 40})
	if chance(rng, 3) {
		wrong = 100
	}
	n := 1 + rng.IntN(12)
	if chance(rng, 10) {
		n = 40
	}
	for range n {
		r := newRow(rng, f.schema, wrong)
		if len(f.rows) > 0 && chance(rng, 10) {
			r = pick(rng, f.rows) // once more
		}
		if withIDs {
			r.id = pick(rng, []string{"e1", "e2", "e3", "e4", "e5", "e6", "e7", "e8", "e9", "E 10"})
		}
		f.rows = append(f.rows, r)
	}
	if len(m.files) > 0 && chance(rng, 25) {
		m.borrowRows(rng, f)
	}
	m.finish(rng, f)
	return f
}

// finish writes a file and keeps it, so that it may be sent again.
func (m *model) finish(rng *rand.Rand, f *file) {
	f.render(rng)
	sum := sha256.Sum256(f.content)
	f.sha = hex.EncodeToString(sum[:])
	m.files = append(m.files, f)
}

// borrowRows takes rows of an earlier file of the same schema, as a file does
// that is sent again with more rows.
func (m *model) borrowRows(rng *rand.Rand, f *file) {
	earlier := pick(rng, m.files)
	if earlier.schema != f.schema {
		return
	}
	for _, r := range earlier.rows {
		if f.withIDs && r.id == "" {
			r.id = "borrowed"
		}
		if !f.withIDs {
			r.id = ""
		}
		if chance(rng, 70) && r.code == "" {
			f.rows = append(f.rows, r)
		}
	}
}

// accepted returns the valid rows.
func (f *file) accepted() (all []*event) {
	for i := range f.rows {
		if f.rows[i].code == "" {
			e := f.rows[i].event
			e.values = meant(e.values)
			all = append(all, &e)
		}
	}
	return all
}

// meant leaves out empty values.
func meant(values map[string]string) map[string]string {
	all := map[string]string{}
	for name, v := range values {
		if v != "" {
			all[name] = v
		}
	}
	return all
}

// refused returns the rows that are wrong.
func (f *file) refused() (all []*rejected) {
	for i := range f.rows {
		if r := &f.rows[i]; r.code != "" {
			subject := r.subject
			if r.column == "candidate_id" {
				subject = ""
			}
			all = append(all, &rejected{number: i + 1, line: f.lines[i], code: r.code, column: r.column, subject: subject, fixed: r.event})
		}
	}
	return all
}

// isLocal reports whether the times of the file depend on a zone.
func (f *file) isLocal() bool { return f.reading.TimeZone != "" }
