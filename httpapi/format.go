package httpapi

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/elnormous/contenttype"

	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/metrics/series"
)

// format is a way to encode a result. The encoders append by hand: a year of
// days and types is seven thousand numbers, and with reflection the encoding
// would take most of the time of an answer.
type format struct {
	name    string
	content string
	media   string // in Accept
	fill    bool   // needs every period
	table   bool   // is made as a whole
	encode  encoder
}

// encoder encodes an answer. It passes what it has to flush now and then, and goes
// on with what that returns: the same, or the empty rest of it. It returns what is
// left.
type encoder func(a *answer, flush func([]byte) []byte) []byte

func formats() []format {
	return []format{
		{"json", "application/json", "application/json", false, false, encodeJSON},
		{"ndjson", "application/x-ndjson", "application/x-ndjson", false, false, encodeNDJSON},
		{"csv", "text/csv; charset=utf-8", "text/csv", false, false, encodeCSV},
		{"text", "text/plain; charset=utf-8", "text/plain", true, true, encodeText},
	}
}

// readFormat finds the format: the parameter, else the media type that Accept
// prefers, else JSON.
func readFormat(p *params, r *http.Request) format {
	all := formats()
	var names []string
	var media []contenttype.MediaType
	for _, f := range all {
		names, media = append(names, f.name), append(media, contenttype.NewMediaType(f.media))
	}
	if name := p.oneOf("format", names...); name != "" {
		return all[slices.Index(names, name)]
	}
	best, _, err := contenttype.GetAcceptableMediaType(r, media)
	if err != nil { // none of them, or a header that makes no sense
		return all[0]
	}
	return all[slices.IndexFunc(media, best.Equal)]
}

// dateText names a period: the date of its first day, or for an hour its first
// moment with the offset, which distinguishes the two hours of a clock set back.
func dateText(a *answer, start time.Time) string {
	if a.Interval == series.Hour {
		return start.Format(time.RFC3339)
	}
	return start.Format(time.DateOnly)
}

// encodeJSON writes {count, data:[{date, metrics:[{event_type, count}]}]};
// totals have their count in place of metrics, unless they are grouped.
func encodeJSON(a *answer, flush func([]byte) []byte) []byte {
	periods := 0
	for range a.result.Periods() {
		periods++
	}
	head := make([]byte, 0, min(1024+48*len(a.result.Buckets), maxWhole))
	head = strconv.AppendInt(append(head, `{"count":`...), int64(periods), 10)
	if a.compares() || a.Top > 0 || a.sliced() {
		head = strconv.AppendInt(append(head, `,"total_count":`...), a.result.Count, 10)
	}
	if a.sliced() {
		head = strconv.AppendInt(append(head, `,"unattributed_count":`...), a.result.Unattributed, 10)
	}
	if a.grouped() {
		head = strconv.AppendInt(append(head, `,"folded_group_count":`...), int64(a.result.Collapsed), 10)
	}
	if !a.AsOf.IsZero() {
		head = append(head, `,"as_of":"`+timeText(a.AsOf)+`"`...)
	}
	if a.compares() {
		before := a.Previous()
		head = append(head, `,"previous":{"from":"`+before.From.String()+`","to":"`+before.To.String()+`","count":`...)
		head = strconv.AppendInt(head, a.result.PreviousCount, 10)
		if a.sliced() {
			head = strconv.AppendInt(append(head, `,"unattributed_count":`...), a.result.PreviousUnattributed, 10)
		}
		head = append(head, '}')
	}
	b := append(head, `,"data":[`...)
	first := true
	for period := range a.result.Periods() {
		if !first {
			b = append(b, ',')
		}
		b, first = appendPeriod(b, a, period, flush), false
	}
	return append(b, "]}\n"...)
}

func appendPeriod(b []byte, a *answer, period []series.Bucket, flush func([]byte) []byte) []byte {
	b = append(append(append(b, `{"date":"`...), dateText(a, period[0].Start)...), '"')
	b = appendFinality(b, a, &period[0])
	if a.Total && !a.grouped() {
		return flush(append(appendNumbers(append(b, ','), a, &period[0]), '}'))
	}
	b = append(b, `,"metrics":[`...)
	for i := range period {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendNames(append(b, '{'), a, &period[i])
		b = flush(append(appendNumbers(b, a, &period[i]), '}'))
	}
	return append(b, "]}"...)
}

// appendNames writes the event type and the dimension values of a bucket, each
// followed by a comma.
func appendNames(b []byte, a *answer, bucket *series.Bucket) []byte {
	if !a.Total {
		b = append(appendString(append(b, `"event_type":`...), bucket.Type), ',')
	}
	for i, value := range bucket.Group {
		b = append(appendString(b, a.GroupBy[i]), ':')
		b = append(appendString(b, value), ',')
	}
	return b
}

func appendFinality(b []byte, a *answer, bucket *series.Bucket) []byte {
	if !a.Finality {
		return b
	}
	return append(append(append(b, `,"finality":"`...), bucket.Finality...), '"')
}

func appendNumbers(b []byte, a *answer, bucket *series.Bucket) []byte {
	for i, n := range a.numbers {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, '"'), n.name...), `":`...)
		b = strconv.AppendInt(b, n.of(bucket), 10)
	}
	return b
}

// appendString appends a JSON string. Most strings need no escapes and are
// appended as they are.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' || strings.IndexByte(`"\<>&`, s[i]) >= 0 {
			text, _ := json.Marshal(s) // a string always encodes
			return append(b, text...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}

// encodeNDJSON writes one {date, event_type, count} per line, with the dimension
// values after event_type.
func encodeNDJSON(a *answer, flush func([]byte) []byte) []byte {
	var b []byte
	for i := range a.result.Buckets {
		bucket := &a.result.Buckets[i]
		b = append(append(append(b, `{"date":"`...), dateText(a, bucket.Start)...), '"')
		b = append(appendFinality(b, a, bucket), ',')
		b = appendNumbers(appendNames(b, a, bucket), a, bucket)
		if !a.AsOf.IsZero() {
			b = append(b, `,"as_of":"`+timeText(a.AsOf)+`"`...)
		}
		b = flush(append(b, "}\n"...))
	}
	return b
}

// encodeCSV writes the columns date, event_type, the dimensions, the numbers,
// finality and as_of, as far as the answer has them.
func encodeCSV(a *answer, flush func([]byte) []byte) []byte {
	b := []byte("date")
	if !a.Total {
		b = append(b, ",event_type"...)
	}
	for _, name := range a.GroupBy {
		b = ingest.AppendCell(append(b, ','), name)
	}
	for _, n := range a.numbers {
		b = append(append(b, ','), n.name...)
	}
	if a.Finality {
		b = append(b, ",finality"...)
	}
	asOf := ""
	if !a.AsOf.IsZero() {
		b = append(b, ",as_of"...)
		asOf = "," + timeText(a.AsOf)
	}
	b = append(b, '\n')
	for i := range a.result.Buckets {
		bucket := &a.result.Buckets[i]
		b = append(b, dateText(a, bucket.Start)...)
		if !a.Total {
			b = ingest.AppendCell(append(b, ','), bucket.Type)
		}
		for _, value := range bucket.Group {
			b = ingest.AppendCell(append(b, ','), value)
		}
		for _, n := range a.numbers {
			b = strconv.AppendInt(append(b, ','), n.of(bucket), 10)
		}
		if a.Finality {
			b = append(append(b, ','), bucket.Finality...)
		}
		b = flush(append(append(b, asOf...), '\n'))
	}
	return b
}
