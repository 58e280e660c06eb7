package eventmetrics_test

import (
	"bytes"
	"database/sql"
	"encoding/csv"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the law holds in every zone, also where none are installed

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/internal/test/recount"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/metrics/series"
	"github.com/eventmetrics/eventmetrics/queue/memqueue"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/memstore"
	"github.com/eventmetrics/eventmetrics/store/sqlitestore"
)

// places are zones, each with a day on which something is unusual there. Ranges
// that quarter hours cannot tell apart are refused, which is a law of package
// series.
var places = []struct{ zone, date string }{
	{"UTC", "2024-02-29"},
	{"Etc/UTC", "2025-01-01"},
	{"Asia/Kathmandu", "2025-11-08"},
	{"Asia/Kolkata", "2025-03-31"},
	{"America/New_York", "2025-03-09"},
	{"America/New_York", "2025-11-02"},
	{"America/Los_Angeles", "2025-12-31"},
	{"Europe/Berlin", "2025-10-26"},
	{"Australia/Lord_Howe", "2025-10-05"},
	{"Australia/Lord_Howe", "2025-04-06"},
	{"America/Sao_Paulo", "2018-11-04"},
	{"America/Havana", "2025-11-02"},
	{"Pacific/Apia", "2011-12-30"},
	{"Pacific/Kiritimati", "2025-02-28"},
	{"Pacific/Chatham", "2025-09-28"},
	{"Africa/Casablanca", "2025-03-30"},
}

// past is what a store has been through, and what counts now.
type past struct {
	store   store.Store
	date    string
	batches map[string]*recount.Batch // by id, those that count
	pending []string
}

// dimensions are those that some batches are broken down by.
var dimensions = []string{"country", "device", "test_id"}

func (p *past) service(o eventmetrics.Options) *eventmetrics.Service {
	o.Schema, o.Subject = ingest.Schema{Required: []string{}}, "candidate_id"
	return eventmetrics.New(p.store, memqueue.New(nil), &o)
}

// drawEvents draws events around the day, and around the days that it may be
// compared with.
func drawEvents(rt *rapid.T, date string) []recount.Event {
	day, _ := time.Parse(time.DateOnly, date)
	event := rapid.Custom(func(t *rapid.T) recount.Event {
		at := day.AddDate(-rapid.SampledFrom([]int{0, 0, 0, 1}).Draw(t, "years"), 0, rapid.IntRange(-4, 4).Draw(t, "days"))
		at = at.Add(time.Duration(rapid.IntRange(0, 95).Draw(t, "quarter"))*15*time.Minute +
			time.Duration(rapid.SampledFrom([]int{0, 1, 300, 899}).Draw(t, "second"))*time.Second)
		e := recount.Event{
			Type: rapid.SampledFrom([]string{"a", "b", "c", "__other__"}).Draw(t, "type"), Time: at,
			Subject: rapid.SampledFrom([]string{"", "S1", "S2", "S3", "S4"}).Draw(t, "subject"), Values: map[string]string{},
		}
		for _, name := range dimensions {
			e.Values[name] = rapid.SampledFrom([]string{"x", "y", "z", "", "__other__", "__unknown__"}).Draw(t, name)
		}
		return e
	})
	return rapid.SliceOfN(event, 1, 12).Draw(rt, "events")
}

func csvOf(events []recount.Event) string {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	_ = w.Write(append([]string{"candidate_id", "event_type", "timestamp"}, dimensions...))
	for _, e := range events {
		row := []string{e.Subject, e.Type, e.Time.Format(time.RFC3339)}
		for _, name := range dimensions {
			row = append(row, e.Values[name])
		}
		_ = w.Write(row)
	}
	w.Flush()
	return b.String()
}

// upload stores a file, and enters it into the ledger unless it stays pending.
func (p *past) upload(t *testing.T, rt *rapid.T, b *recount.Batch) {
	s := p.service(eventmetrics.Options{
		Dimensions: b.Dimensions, Caps: metrics.AggregatorOptions{MaxValues: b.MaxValues, MaxGroups: b.MaxGroups},
	})
	r, err := s.Upload(t.Context(), eventmetrics.File{Body: strings.NewReader(csvOf(b.Events)), AllowDuplicate: true})
	if err != nil || r.Batch.AcceptedRows != int64(len(b.Events)) {
		rt.Fatalf("upload: %+v, %v", r.Batch, err)
	}
	if rapid.IntRange(0, 9).Draw(rt, "stays pending") == 0 {
		p.pending = append(p.pending, r.Batch.ID)
		return
	}
	counts, err := p.store.Pending(t.Context(), r.Batch.ID)
	if err == nil {
		err = p.store.Record(t.Context(), r.Batch.ID, counts)
	}
	if err == nil {
		err = p.store.SetStatus(t.Context(), r.Batch.ID, store.Statuses(), store.Completed, "")
	}
	if err != nil {
		rt.Fatal(err)
	}
	b.Recorded = nextMilli()
	p.batches[r.Batch.ID] = b
}

// nextMilli returns the present, and waits until it is over.
func nextMilli() time.Time {
	now := time.Now().UTC().Truncate(time.Millisecond)
	for !time.Now().UTC().Truncate(time.Millisecond).After(now) {
		continue
	}
	return now
}

// draw brings a store into some state.
func (p *past) draw(t *testing.T, rt *rapid.T) {
	plain := rapid.Bool().Draw(rt, "erasable") // an erasure needs the dimensions of the batches
	by := rapid.SliceOfNDistinct(rapid.SampledFrom(dimensions), 0, 3, rapid.ID[string])
	for range rapid.SampledFrom([]int{1, 2, 3, 4, 9}).Draw(rt, "files") {
		b := &recount.Batch{Events: drawEvents(rt, p.date), Dimensions: dimensions}
		if !plain {
			b.Dimensions = by.Draw(rt, "dimensions")
			b.MaxValues, b.MaxGroups = rapid.SampledFrom([]int{0, 0, 1, 2}).Draw(rt, "values"), rapid.SampledFrom([]int{0, 0, 2, 5}).Draw(rt, "groups")
		}
		p.upload(t, rt, b)
	}
	s := p.service(eventmetrics.Options{Dimensions: dimensions})
	for _, id := range sortedKeys(p.batches) {
		if rapid.IntRange(0, 4).Draw(rt, "deleted") == 0 {
			if err := s.DeleteBatch(t.Context(), id); err != nil {
				rt.Fatal(err)
			}
			delete(p.batches, id)
		}
	}
	if plain && rapid.Bool().Draw(rt, "erased") {
		p.erase(t, rt, s)
	}
	if plain && rapid.Bool().Draw(rt, "drifted") {
		p.reprocess(t, rt, s)
	}
	if rapid.Bool().Draw(rt, "sketches are out of date") {
		p.outdate(t)
	}
}

func sortedKeys(m map[string]*recount.Batch) (ids []string) {
	for id := range m {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

func (p *past) erase(t *testing.T, rt *rapid.T, s *eventmetrics.Service) {
	e := eventmetrics.Erasure{
		Subject: rapid.SampledFrom([]string{"S1", "S2"}).Draw(rt, "subject"),
		Counts:  rapid.SampledFrom([]eventmetrics.ErasedCounts{eventmetrics.KeepCounts, eventmetrics.SubtractCounts}).Draw(rt, "counts"),
	}
	if r, err := s.Erase(t.Context(), e); err != nil || r.Unreadable > 0 {
		rt.Fatalf("erase: %+v, %v", r, err)
	}
	if e.Counts == eventmetrics.KeepCounts {
		return
	}
	for _, b := range p.batches {
		b.Events = slices.DeleteFunc(slices.Clone(b.Events), func(x recount.Event) bool { return x.Subject == e.Subject })
	}
}

// reprocess corrects a ledger in which some entries are wrong. An entry keeps its
// time of recording.
func (p *past) reprocess(t *testing.T, rt *rapid.T, s *eventmetrics.Service) {
	ledger, _ := store.As[store.Auditor](p.store)
	ids := sortedKeys(p.batches)
	for i, id := range ids {
		if rapid.Bool().Draw(rt, "wrong") {
			continue
		}
		other, err := ledger.Contribution(t.Context(), ids[(i+1)%len(ids)])
		if err == nil {
			err = ledger.Amend(t.Context(), id, other)
		}
		if err != nil {
			rt.Fatal(err)
		}
	}
	if r, err := s.Reprocess(t.Context()); err != nil || r.Unreadable > 0 || len(r.WrongDays) > 0 {
		rt.Fatalf("reprocess: %+v, %v", r, err)
	}
}

// outdate brings an SQLite store into the state that it has between a deletion
// and the time when the sketches of its days are merged again: as after a kill.
func (p *past) outdate(t *testing.T) {
	file, ok := p.store.(*onDisk)
	if !ok {
		return
	}
	if _, err := file.db.ExecContext(t.Context(), "UPDATE details SET subjects = NULL, version = version + 1"); err != nil {
		t.Fatal(err)
	}
}

// drawQuery draws a query around a day. All parameters occur together, also
// those that are refused.
func drawQuery(rt *rapid.T, p *past, zone *time.Location) recount.Query {
	some := func(name string, of ...string) []string {
		return rapid.SliceOfNDistinct(rapid.SampledFrom(of), 1, 2, rapid.ID[string]).Draw(rt, name)
	}
	now, _ := time.Parse(time.DateOnly, p.date)
	day := func(n int) string { return now.AddDate(0, 0, n).Format(time.DateOnly) }
	q := recount.Query{
		Zone: zone, Interval: rapid.SampledFrom([]string{"hour", "day", "day", "week", "month", "all"}).Draw(rt, "interval"),
		Total: rapid.IntRange(0, 3).Draw(rt, "total") == 0, Fill: rapid.Bool().Draw(rt, "fill"),
		Uniques: rapid.IntRange(0, 3).Draw(rt, "uniques") == 0,
		Top:     rapid.SampledFrom([]int{0, 0, 1, 2, 3}).Draw(rt, "top"),
		Now:     now.Add(time.Duration(rapid.IntRange(-100, 100).Draw(rt, "now")) * time.Hour), Pending: len(p.pending) > 0,
	}
	q.Other = q.Top > 0 && rapid.Bool().Draw(rt, "other")
	first := rapid.IntRange(-4, 4).Draw(rt, "first")
	if rapid.IntRange(0, 3).Draw(rt, "from") > 0 {
		q.From = day(first)
	}
	if rapid.IntRange(0, 3).Draw(rt, "to") > 0 {
		q.To = day(first + rapid.IntRange(0, 5).Draw(rt, "length"))
	}
	if q.From != "" && q.To != "" {
		q.Compare = rapid.SampledFrom([]string{"", "previous_period", "previous_year", "previous_month", "same_weekday"}).Draw(rt, "compare")
		q.SoFar = q.Compare != "" && rapid.IntRange(0, 2).Draw(rt, "so far") == 0
	}
	if rapid.IntRange(0, 2).Draw(rt, "typed") == 0 {
		q.Types = some("types", "a", "b", "never")
	}
	if rapid.IntRange(0, 2).Draw(rt, "grouped") == 0 {
		q.GroupBy = some("group_by", dimensions...)
	}
	if rapid.IntRange(0, 3).Draw(rt, "filtered") == 0 {
		q.Where = map[string][]string{}
		for _, name := range some("where", dimensions...) {
			q.Where[name] = some("values", "x", "y", "", "__other__", "__unknown__", "none")
		}
	}
	if len(p.batches) > 0 && rapid.IntRange(0, 4).Draw(rt, "as of") <= 1 {
		q.AsOf = p.batches[rapid.SampledFrom(sortedKeys(p.batches)).Draw(rt, "moment")].Recorded
		q.Now = time.Time{}
	}
	if zone == time.UTC && rapid.Bool().Draw(rt, "uniques of totals") { // else nearly all are refused
		q.Uniques, q.GroupBy, q.Where = true, nil, nil
	}
	return q
}

// ask asks a Service.
func (p *past) ask(t *testing.T, q *recount.Query) recount.Answer {
	o := eventmetrics.Options{Dimensions: dimensions}
	if !q.Now.IsZero() {
		o.Now = func() time.Time { return q.Now }
	}
	ask := series.Query{
		Interval: series.Interval(q.Interval), Zone: q.Zone, Types: q.Types, Total: q.Total, Uniques: q.Uniques, Fill: q.Fill,
		Compare: series.Comparison(q.Compare), SoFar: q.SoFar, AsOf: q.AsOf, Finality: !q.Now.IsZero(),
		GroupBy: q.GroupBy, Where: q.Where, Top: q.Top, Other: q.Other,
	}
	if q.From != "" {
		ask.From, _ = metrics.ParseDay(q.From)
	}
	if q.To != "" {
		ask.To, _ = metrics.ParseDay(q.To)
	}
	r, err := p.service(o).Query(t.Context(), ask)
	if refused := refusal(err); refused != "" {
		return recount.Answer{Refused: refused}
	}
	if err != nil {
		t.Fatalf("%+v: %v", ask, err)
	}
	a := recount.Answer{
		Count: r.Count, Previous: r.PreviousCount, Unattributed: r.Unattributed, PreviousUnattributed: r.PreviousUnattributed,
		Collapsed: r.Collapsed,
	}
	if !q.Now.IsZero() {
		a.Finality = string(r.Finality)
	}
	for _, b := range r.Buckets {
		form := time.DateOnly
		if q.Interval == "hour" {
			form = time.RFC3339
		}
		a.Rows = append(a.Rows, recount.Row{
			Period: b.Start.Format(form), Type: b.Type, Group: recount.Group(b.Group), Count: b.Count, Previous: b.Previous,
			Uniques: int(b.Uniques()), PreviousUniques: int(b.PreviousUniques()), Finality: string(b.Finality),
		})
	}
	return a
}

func refusal(err error) string {
	if missing, ok := errors.AsType[*series.NoSubjectError](err); ok {
		return fmt.Sprintf("%s: %s %s", recount.NoSubject, missing.Day, missing.Type)
	}
	switch {
	case errors.Is(err, series.ErrNoGroupUniques):
		return recount.GroupUniques
	case errors.Is(err, series.ErrNoUniques):
		return recount.ZoneUniques
	}
	return ""
}

// answersLaw compares answers with what the events say.
func answersLaw(t *testing.T, rt *rapid.T, st store.Store) {
	place := rapid.SampledFrom(places).Draw(rt, "place")
	p := &past{store: st, date: place.date, batches: map[string]*recount.Batch{}}
	p.draw(t, rt)
	var counted []recount.Batch
	for _, id := range sortedKeys(p.batches) {
		counted = append(counted, *p.batches[id])
	}
	for range 12 {
		elsewhere := rapid.SampledFrom(places).Draw(rt, "elsewhere").zone
		name := rapid.SampledFrom([]string{place.zone, place.zone, "UTC", elsewhere}).Draw(rt, "zone")
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		if name == "Etc/UTC" {
			zone = time.UTC
		}
		q := drawQuery(rt, p, zone)
		got := p.ask(t, &q)
		if d := cmp.Diff(q.Answer(counted), got, cmp.AllowUnexported(recount.Row{})); d != "" {
			rt.Fatalf("%+v: %s", q, d)
		}
	}
}

func TestAnswersEqualARecountOfTheEvents(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) { answersLaw(t, rt, memstore.New()) })
}

// onDisk is a store with its database.
type onDisk struct {
	*sqlitestore.Store
	db *sql.DB
}

func TestAnswersEqualARecountOfTheEventsOnSQLite(t *testing.T) {
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		if n++; n > 30 {
			return
		}
		path := filepath.Join(t.TempDir(), "events.db")
		st, err := sqlitestore.Open(t.Context(), path, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer st.Close()
		db, err := sql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		answersLaw(t, rt, &onDisk{st, db})
	})
}
