package httpapi

import (
	"encoding/json"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/metrics"
)

// format is a way to write a series. The encoders append by hand: a year of
// days and types is seven thousand numbers, and reflection would take most of
// the time that an answer takes.
type format struct {
	name    string
	content string
	media   string // what to look for in Accept
	encode  func(*metrics.Series, []metrics.Bucket) []byte
}

func formats() []format {
	return []format{
		{"json", "application/json", "application/json", encodeJSON},
		{"ndjson", "application/x-ndjson", "application/x-ndjson", encodeNDJSON},
		{"csv", "text/csv; charset=utf-8", "text/csv", encodeCSV},
	}
}

// negotiate finds the format: the parameter, else the first known media type
// of Accept, else JSON.
func negotiate(r *http.Request) (format, error) {
	all := formats()
	if name := r.URL.Query().Get("format"); name != "" {
		for _, f := range all {
			if f.name == name {
				return f, nil
			}
		}
		return format{}, badRequest("format: want json, ndjson or csv")
	}
	for part := range strings.SplitSeq(r.Header.Get("Accept"), ",") {
		media, _, _ := mime.ParseMediaType(part)
		for _, f := range all {
			if f.media == media {
				return f, nil
			}
		}
	}
	return all[0], nil
}

// dateText names a bucket: the date of its first day, or for an hour its first
// moment with the offset, which tells the two hours of a clock set back apart.
func dateText(s *metrics.Series, start time.Time) string {
	if s.Interval == metrics.Hourly {
		return start.Format(time.RFC3339)
	}
	return start.Format(time.DateOnly)
}

// encodeJSON writes {count, data:[{date, metrics:[{event_type, count}]}]};
// totals have their count in the place of metrics.
func encodeJSON(s *metrics.Series, buckets []metrics.Bucket) []byte {
	data := make([]byte, 0, 64+48*len(buckets))
	groups := 0
	for i := 0; i < len(buckets); {
		n := 1
		for i+n < len(buckets) && buckets[i+n].Start.Equal(buckets[i].Start) {
			n++
		}
		if groups++; groups > 1 {
			data = append(data, ',')
		}
		data = appendGroup(data, s, buckets[i:i+n])
		i += n
	}
	head := `{"count":` + strconv.Itoa(groups) + `,"data":[`
	return append(append([]byte(head), data...), "]}\n"...)
}

func appendGroup(b []byte, s *metrics.Series, group []metrics.Bucket) []byte {
	b = append(append(append(b, `{"date":"`...), dateText(s, group[0].Start)...), '"')
	if s.Total {
		return append(appendNumbers(append(b, ','), s, &group[0]), '}')
	}
	b = append(b, `,"metrics":[`...)
	for i := range group {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(append(b, `{"event_type":`...), group[i].Type)
		b = append(appendNumbers(append(b, ','), s, &group[i]), '}')
	}
	return append(b, "]}"...)
}

func appendNumbers(b []byte, s *metrics.Series, bucket *metrics.Bucket) []byte {
	b = strconv.AppendInt(append(b, `"count":`...), bucket.Count, 10)
	if s.Uniques {
		b = strconv.AppendInt(append(b, `,"uniques":`...), bucket.Uniques(), 10)
	}
	return b
}

// appendString appends a JSON string: as it is where that is right, which is
// nearly always.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' || strings.IndexByte(`"\<>&`, s[i]) >= 0 {
			text, _ := json.Marshal(s) // a string always encodes
			return append(b, text...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}

// encodeNDJSON writes one {date, event_type, count} a line.
func encodeNDJSON(s *metrics.Series, buckets []metrics.Bucket) []byte {
	var b []byte
	for i := range buckets {
		b = append(append(append(b, `{"date":"`...), dateText(s, buckets[i].Start)...), `",`...)
		if !s.Total {
			b = append(appendString(append(b, `"event_type":`...), buckets[i].Type), ',')
		}
		b = append(appendNumbers(b, s, &buckets[i]), "}\n"...)
	}
	return b
}

// encodeCSV writes the columns date, event_type, count, uniques, of those that
// the series has.
func encodeCSV(s *metrics.Series, buckets []metrics.Bucket) []byte {
	b := []byte("date")
	if !s.Total {
		b = append(b, ",event_type"...)
	}
	b = append(b, ",count"...)
	if s.Uniques {
		b = append(b, ",uniques"...)
	}
	b = append(b, '\n')
	for i := range buckets {
		b = append(b, dateText(s, buckets[i].Start)...)
		if !s.Total {
			b = ingest.AppendCell(append(b, ','), buckets[i].Type)
		}
		b = strconv.AppendInt(append(b, ','), buckets[i].Count, 10)
		if s.Uniques {
			b = strconv.AppendInt(append(b, ','), buckets[i].Uniques(), 10)
		}
		b = append(b, '\n')
	}
	return b
}
