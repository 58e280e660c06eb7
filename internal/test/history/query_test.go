package history_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/eventmetrics/eventmetrics/internal/test/recount"
)

// query is a request for metrics.
type query struct {
	recount.Query
	finality bool
	format   string
	unknown  string // a dimension that the server does not have
}

var queryZones = []string{"UTC", "UTC", "Asia/Kathmandu", "Europe/Berlin", "America/New_York", "Pacific/Auckland"}

// drawQuery draws a request for metrics.
func (h *history) drawQuery() *query {
	rng := h.rng
	q := &query{finality: chance(rng, 20), format: pick(rng, []string{"json", "json", "json", "csv", "ndjson"})}
	zone, err := time.LoadLocation(pick(rng, queryZones))
	if err != nil {
		panic(err)
	}
	q.Zone, q.Interval = zone, pick(rng, []string{"day", "day", "hour", "week", "month", "all"})
	if chance(rng, 60) {
		from := firstDay.AddDate(0, 0, rng.IntN(days+2)-1)
		q.From = from.Format(time.DateOnly)
		q.To = from.AddDate(0, 0, pick(rng, []int{0, 0, 1, 3, 10})).Format(time.DateOnly)
		q.Compare = pick(rng, []string{"", "", "previous_period", "previous_year", "previous_month", "same_weekday"})
		if q.Compare == "" && chance(rng, 20) {
			q.To = ""
		} else if q.Compare == "" && chance(rng, 20) {
			q.From = ""
		}
	}
	for range pick(rng, []int{0, 0, 0, 1, 2}) {
		if name := pick(rng, append([]string{"nothing"}, kinds...)); !slices.Contains(q.Types, name) {
			q.Types = append(q.Types, name)
		}
	}
	q.Total = chance(rng, 20)
	q.Fill = chance(rng, 35)
	h.drawSlices(q)
	q.Uniques = chance(rng, 15)
	if chance(rng, 25) && (!q.Total || len(q.GroupBy) > 0) {
		q.Top, q.Other = 1+rng.IntN(4), chance(rng, 50)
	}
	h.drawAsOf(q)
	return q
}

// drawSlices chooses dimensions, most often those of the server.
func (h *history) drawSlices(q *query) {
	for _, name := range h.order.Dimensions {
		if chance(h.rng, 25) {
			q.GroupBy = append(q.GroupBy, name)
		}
		if chance(h.rng, 15) {
			values := map[string][]string{"test_id": tests, "country": countries, "device": devices}[name]
			if q.Where == nil {
				q.Where = map[string][]string{}
			}
			for range 1 + h.rng.IntN(2) {
				if v := pick(h.rng, values); !slices.Contains(q.Where[name], v) {
					q.Where[name] = append(q.Where[name], v)
				}
			}
		}
	}
	if chance(h.rng, 2) {
		q.unknown = "score"
	}
}

// drawAsOf chooses a moment of the past for which it is clear what counted.
func (h *history) drawAsOf(q *query) {
	if len(h.moments) == 0 || !chance(h.rng, 20) {
		return
	}
	at := pick(h.rng, h.moments)
	if !at.Before(h.now()) {
		return
	}
	for _, b := range h.model.batches {
		if b.state == completed && b.recordedFrom.Before(at) && !b.recordedTo.Before(at) {
			return
		}
	}
	q.AsOf = at
}

// path encodes the query.
func (q *query) path() string {
	v := url.Values{"interval": {q.Interval}, "tz": {q.Zone.String()}, "format": {q.format}}
	set := func(name, value string, is bool) {
		if is {
			v.Set(name, value)
		}
	}
	if q.From != "" && q.From == q.To {
		v.Set("date", q.From)
	} else {
		set("from", q.From, q.From != "")
		set("to", q.To, q.To != "")
	}
	set("compare", q.Compare, q.Compare != "")
	set("group", "none", q.Total)
	set("fill", "zero", q.Fill)
	set("uniques", "true", q.Uniques)
	set("finality", "true", q.finality)
	set("top", strconv.Itoa(q.Top), q.Top > 0)
	set("other", "true", q.Other)
	set("as_of", q.AsOf.UTC().Format("2006-01-02T15:04:05.000Z"), !q.AsOf.IsZero())
	set("group_by", strings.Join(q.GroupBy, ","), len(q.GroupBy) > 0)
	set("group_by", q.unknown, q.unknown != "")
	for name, values := range q.Where {
		v["where."+name] = values
	}
	if len(q.Types) > 0 {
		v["event_type"] = q.Types
	}
	return "/metrics?" + v.Encode()
}

// counted returns what counts, for the recount.
func (m *model) counted() (all []recount.Batch) {
	for _, b := range m.batches {
		if b.state != completed {
			continue
		}
		known, unknown := recount.Batch{Dimensions: b.dimensions, Recorded: b.recordedTo}, recount.Batch{Recorded: b.recordedTo}
		for _, e := range b.counting() {
			part := &known
			if len(b.dimensionsOf(e)) == 0 {
				part = &unknown
			}
			part.Events = append(part.Events, recount.Event{Type: e.kind, Subject: e.subject, Time: e.at, Values: e.values})
		}
		all = append(all, known, unknown)
	}
	return all
}

// opQuery compares an answer with a recount.
func (h *history) opQuery() error {
	if err := h.settle(); err != nil {
		return err
	}
	q := h.drawQuery()
	return h.checkQuery(q)
}

func (h *history) checkQuery(q *query) error {
	if q.finality {
		q.Now = h.now()
		q.Pending = len(h.model.where(func(b *batch) bool { return b.state == uploaded || b.state == queued })) > 0
		if q.Pending && !q.AsOf.IsZero() {
			q.finality, q.Now = false, time.Time{} // which batches waited then is unknown
		}
	}
	path := q.path()
	h.note("query %s", path)
	a, err := h.post(http.MethodGet, path, nil, 200, 400, 404, 422)
	if err != nil {
		return err
	}
	if err := h.compare(q, a); err != nil {
		return fmt.Errorf("GET %s: %w\nthe answer: %s", path, err, a)
	}
	return nil
}

func (h *history) compare(q *query, a *answer) error {
	if q.unknown != "" && !q.Uniques {
		return isProblem(a, 422, "unknown_dimension")
	}
	if q.unknown != "" {
		q.GroupBy = []string{q.unknown}
	}
	want := q.Answer(h.model.counted())
	switch {
	case want.Refused == recount.GroupUniques:
		return isProblem(a, 422, "no_group_uniques")
	case want.Refused == recount.ZoneUniques:
		return isProblem(a, 400, "bad_request")
	case want.Refused != "":
		return isProblem(a, 422, "no_subject")
	case h.model.tooLong(q, &want):
		return isProblem(a, 400, "bad_request")
	case len(want.Rows) == 0 && a.status == http.StatusNotFound && a.code() == "":
		return nil
	case a.status != http.StatusOK:
		return fmt.Errorf("want %d rows", len(want.Rows))
	}
	got, err := q.rows(a)
	if err != nil {
		return err
	}
	if err := q.compareRows(got, want.Rows, h.model.anyPurged()); err != nil {
		return err
	}
	return q.compareHead(a, &want)
}

// tooLong reports whether an answer has more rows than the server gives, before
// top leaves some out.
func (m *model) tooLong(q *query, want *recount.Answer) bool {
	const most = 400_000
	if q.Top == 0 || !q.Fill {
		return len(want.Rows) > most
	}
	all := *q
	all.Top, all.Other = 0, false
	return len(all.Answer(m.counted()).Rows) > most
}

func isProblem(a *answer, status int, code string) error {
	if a.status != status || a.code() != code {
		return fmt.Errorf("want %d %s", status, code)
	}
	return nil
}

// opExplain compares which batches make up a count.
func (h *history) opExplain() error {
	if err := h.settle(); err != nil {
		return err
	}
	cells := sortedKeys(h.model.cells())
	if len(cells) == 0 {
		return nil
	}
	cell := pick(h.rng, cells)
	h.note("explain %v", cell)
	var got struct {
		Count   int `json:"count"`
		Batches []struct {
			BatchID string `json:"batch_id"`
			Count   int    `json:"count"`
		} `json:"batches"`
	}
	if err := h.get("/metrics/explain?"+url.Values{"date": {cell[0]}, "event_type": {cell[1]}}.Encode(), &got); err != nil {
		return err
	}
	want := map[string]int{}
	for _, b := range h.model.batches {
		for _, e := range b.counting() {
			if b.state == completed && cellOf(e) == cell {
				want[b.id]++
			}
		}
	}
	shares := map[string]int{}
	for _, b := range got.Batches {
		shares[b.BatchID] += b.Count
	}
	if fmt.Sprint(shares) != fmt.Sprint(want) || got.Count != h.model.cells()[cell] {
		return fmt.Errorf("explain %v: %+v; want %v", cell, got, want)
	}
	return nil
}
