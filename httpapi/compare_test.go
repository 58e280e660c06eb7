package httpapi_test

import (
	"encoding/csv"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/httpapi"
)

// november has a day with three types, and something before it.
const november = day8 + "C1,T1,old,2025-11-06T09:00:00Z\nC2,T1,old,2025-11-06T09:00:00Z\nC1,T1,started,2025-11-07T10:00:00Z\n" +
	"C1,T1,started,2024-11-09T10:00:00Z\nC1,T1,\"\x1b[2J, a\u202eb\",2025-11-09T10:00:00Z\n"

func TestMetricsWithAnEarlierRange(t *testing.T) {
	a := start(t, setup{})
	a.count(november)
	for _, tc := range []struct{ name, query, want string }{
		{
			"the period before, of which nothing gets lost", "date=2025-11-07&compare=previous_period",
			`{"count":1,"total_count":1,"previous":{"from":"2025-11-06","to":"2025-11-06","count":2},"data":[` +
				`{"date":"2025-11-07","metrics":[{"event_type":"old","count":0,"previous_count":2},{"event_type":"started","count":1,"previous_count":0}]}]}`,
		},
		{
			"with zeros and uniques", "from=2025-11-08&to=2025-11-09&compare=previous_period&event_type=old&event_type=started&fill=zero&uniques=true",
			`{"count":2,"total_count":2,"previous":{"from":"2025-11-06","to":"2025-11-07","count":3},"data":[` +
				`{"date":"2025-11-08","metrics":[{"event_type":"old","count":0,"uniques":0,"previous_count":2,"previous_uniques":2},` +
				`{"event_type":"started","count":2,"uniques":2,"previous_count":0,"previous_uniques":0}]},` +
				`{"date":"2025-11-09","metrics":[{"event_type":"old","count":0,"uniques":0,"previous_count":0,"previous_uniques":0},` +
				`{"event_type":"started","count":0,"uniques":0,"previous_count":1,"previous_uniques":1}]}]}`,
		},
		{
			"the year before, as totals", "from=2025-11-08&to=2025-11-09&compare=previous_year&group=none",
			`{"count":2,"total_count":4,"previous":{"from":"2024-11-08","to":"2024-11-09","count":1},"data":[` +
				`{"date":"2025-11-08","count":2,"previous_count":0},{"date":"2025-11-09","count":2,"previous_count":1}]}`,
		},
		{
			"the same weekday, all of it since the day is over", "date=2025-11-14&compare=same_weekday&so_far=true&group=none",
			`{"count":1,"total_count":0,"previous":{"from":"2025-11-07","to":"2025-11-07","count":1},"data":[{"date":"2025-11-14","count":0,"previous_count":1}]}`,
		},
		{
			"the month before", "from=2025-12-01&to=2025-12-31&interval=all&compare=previous_month&group=none",
			`{"count":1,"total_count":0,"previous":{"from":"2025-11-01","to":"2025-11-30","count":7},"data":[{"date":"2025-12-01","count":0,"previous_count":7}]}`,
		},
		{"CSV", "from=2025-11-08&to=2025-11-08&compare=previous_period&uniques=true&format=csv", "date,event_type,count,uniques,previous_count,previous_uniques\n" +
			"2025-11-08,started,2,2,1,1"},
		{
			"NDJSON", "date=2025-11-08&compare=previous_period&format=ndjson",
			`{"date":"2025-11-08","event_type":"started","count":2,"previous_count":1}`,
		},
		{
			"the greatest", "interval=all&to=2025-11-08&top=1",
			`{"count":1,"total_count":6,"data":[{"date":"2024-11-09","metrics":[{"event_type":"started","count":4}]}]}`,
		},
		{
			"the greatest and the rest", "date=2025-11-07&compare=previous_period&top=1&other=true",
			`{"count":1,"total_count":1,"previous":{"from":"2025-11-06","to":"2025-11-06","count":2},"data":[` +
				`{"date":"2025-11-07","metrics":[{"event_type":"__other__","count":0,"previous_count":2},{"event_type":"started","count":1,"previous_count":0}]}]}`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if d := cmp.Diff(tc.want+"\n", a.get("/metrics?"+tc.query).body); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestMetricsAsText(t *testing.T) {
	a := start(t, setup{})
	a.count(november)
	for _, tc := range []struct{ name, query, want string }{
		{"a range", "from=2025-11-06&to=2025-11-09", `event type         total  peak  on          by time
started                3     2  2025-11-08  ▁▅█▁
old                    2     2  2025-11-06  █▁▁▁
\x1b[2J, a\u202eb      1     1  2025-11-09  ▁▁▁█
done                   1     1  2025-11-09  ▁▁▁█
2025-11-06 to 2025-11-09, 4 points
`},
		{"beside another", "from=2025-11-08&to=2025-11-09&compare=previous_period&uniques=true&top=2&other=true", `event type         total  before    change  uniques  before  peak  on          by time
started                2       1  +100.0 %        2       1     2  2025-11-08  █▁
\x1b[2J, a\u202eb      1       0       new        1       0     1  2025-11-09  ▁█
__other__              1       2   -50.0 %        1       2     1  2025-11-09  ▁█
2025-11-08 to 2025-11-09, 2 points, before: 2025-11-06 to 2025-11-07
`},
		{"totals, narrow", "from=2025-01-01&to=2025-11-09&group=none&columns=20&finality=true", `event type  total  peak  on          by time
(all)           7     2  2025-11-06  ▁▁▁▁▁▁▁▁▁█
2025-01-01 to 2025-11-09, 313 points, the mean of 32 a character, 313 settled
`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			res := a.get("/metrics?format=text&" + tc.query)
			if d := cmp.Diff(tc.want, res.body); d != "" || res.header.Get("Content-Type") != "text/plain; charset=utf-8" {
				t.Error(res.header, d)
			}
		})
	}
	if res := a.get("/metrics", "Accept", "text/plain"); !strings.HasPrefix(res.body, "event type ") {
		t.Errorf("because of Accept: %s", res.body)
	}
	if res := a.get("/metrics?format=text&from=2031-01-01"); res.status != http.StatusNotFound {
		t.Errorf("nothing: %d %s", res.status, res.body)
	}
}

// sums are what all formats have in common: of each type the count and the
// previous count.
type sums map[string][2]int64

func TestFormatsHaveTheSameNumbers(t *testing.T) {
	a := start(t, setup{})
	a.count(day8 + "C1,T1,old,2025-11-06T09:00:00Z\nC1,T1,started,2025-11-07T10:00:00Z\nC1,T1,a,2025-11-09\nC1,T1,b,2025-11-09\n")
	readers := map[string]func(*testing.T, string) sums{"json": jsonSums, "ndjson": ndjsonSums, "csv": csvSums, "text": textSums}
	for _, query := range []string{
		"period", "period&fill=zero", "period&interval=week", "period&interval=all", "period&top=2&other=true",
		"period&tz=Asia/Kathmandu", "period&interval=hour", "year",
	} {
		path := "/metrics?from=2025-11-08&to=2025-11-09&compare=previous_" + query + "&format="
		want := jsonSums(t, a.get(path+"json").body)
		if len(want) < 3 {
			t.Errorf("%s has few types: %v", path, want)
		}
		for format, read := range readers {
			if d := cmp.Diff(want, read(t, a.get(path+format).body)); d != "" {
				t.Errorf("%s%s: %s", path, format, d)
			}
		}
	}
}

func (s sums) add(eventType string, count, previous int64) {
	s[eventType] = [2]int64{s[eventType][0] + count, s[eventType][1] + previous}
}

type line struct {
	Type     string `json:"event_type"`
	Count    int64
	Previous int64 `json:"previous_count"`
}

func jsonSums(t *testing.T, body string) sums {
	var v struct {
		Data []struct{ Metrics []line }
	}
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		t.Fatal(err)
	}
	s := sums{}
	for _, group := range v.Data {
		for _, m := range group.Metrics {
			s.add(m.Type, m.Count, m.Previous)
		}
	}
	return s
}

func ndjsonSums(t *testing.T, body string) sums {
	s := sums{}
	for text := range strings.Lines(body) {
		var m line
		if err := json.Unmarshal([]byte(text), &m); err != nil {
			t.Fatal(err)
		}
		s.add(m.Type, m.Count, m.Previous)
	}
	return s
}

func integer(t *testing.T, text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func csvSums(t *testing.T, body string) sums {
	rows, err := csv.NewReader(strings.NewReader(body)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	s := sums{}
	for _, row := range rows[1:] {
		s.add(row[1], integer(t, row[2]), integer(t, row[3]))
	}
	return s
}

func textSums(t *testing.T, body string) sums {
	lines := strings.Split(strings.TrimSpace(body), "\n")
	s := sums{}
	for _, text := range lines[1 : len(lines)-1] {
		cells := strings.Fields(text)
		s.add(cells[0], integer(t, cells[1]), integer(t, cells[2]))
	}
	return s
}

func TestImpossibleQueriesAreRefusedByParameter(t *testing.T) {
	a := start(t, setup{})
	for _, query := range []string{
		"compare=last_year", "compare=previous_year", "compare=previous_period&from=2025-11-08", "compare=previous_period&to=2025-11-08",
		"compare=previous_year&date=0001-01-01", "top=0", "top=1001", "top=x", "top=1&group=none", "other=true", "other=maybe&top=1",
		"finality=maybe", "columns=19", "columns=1001",
	} {
		t.Run(query, func(t *testing.T) {
			problem := a.get("/metrics?"+query).problem(t, http.StatusBadRequest, httpapi.CodeBadRequest)
			name, _, _ := strings.Cut(query, "=")
			if !strings.HasPrefix(problem["detail"].(string), name+":") {
				t.Errorf("%q does not name %s", problem["detail"], name)
			}
		})
	}
}

func TestFinalityOfPeriods(t *testing.T) {
	now := func() time.Time { return time.Date(2025, 11, 9, 12, 0, 0, 0, time.UTC) }
	a := start(t, setup{service: eventmetrics.Options{Now: now}})
	a.count(day8)
	const path = "/metrics?finality=true"
	settled := a.get(path)
	want := `{"count":2,"data":[{"date":"2025-11-08","finality":"settled","metrics":[{"event_type":"started","count":2}]},` +
		`{"date":"2025-11-09","finality":"open","metrics":[{"event_type":"done","count":1}]}]}` + "\n"
	if d := cmp.Diff(want, settled.body); d != "" {
		t.Error(d)
	}
	waiting := a.csv("/uploads", header+"C9,T1,x,2025-01-01\n").json(t)["batch_id"].(string)
	want = strings.Replace(want, "settled", "pending", 1)
	if res := a.get(path, "If-None-Match", settled.header.Get("ETag")); res.body != want {
		t.Errorf("with a batch that waits: %d %s", res.status, res.body)
	}
	if d := cmp.Diff("date,count,finality\n2025-11-08,2,pending\n2025-11-09,1,open\n", a.get(path+"&format=csv&group=none").body); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(`{"date":"2025-11-08","finality":"pending","event_type":"started","count":2}`+"\n", a.get(path+"&format=ndjson&to=2025-11-08").body); d != "" {
		t.Error(d)
	}
	if text := a.get(path + "&format=text").body; !strings.HasSuffix(text, ", 2 points, 1 open, 1 pending\n") {
		t.Errorf("text: %s", text)
	}
	a.do("DELETE", "/batches/"+waiting, nil)
	if res := a.get(path, "If-None-Match", settled.header.Get("ETag")); res.status != http.StatusNotModified {
		t.Errorf("when it is gone: %d %s", res.status, res.body)
	}
	if got := settled.header.Get("Cache-Control"); got != "private, no-cache" {
		t.Errorf("Cache-Control is %q: a late file may change what is settled", got)
	}
}
