package httpapi_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics"
)

const byTest = `candidate_id,test_id,event_type,timestamp,Country
C1,T1,started,2025-11-08T09:00:00Z,np
C2,T2,started,2025-11-08T18:30:00Z,de
C3,"T,""2",started,2025-11-08T18:30:00Z,
C1,T1,done,2025-11-09T10:00:00Z,np
`

func grouping(t *testing.T, dimensions ...string) *api {
	return start(t, setup{service: eventmetrics.Options{Dimensions: dimensions}})
}

func TestMetricsByDimension(t *testing.T) {
	a := grouping(t, "Test_ID", "COUNTRY")
	a.countFile(byTest)
	for _, tc := range []struct{ name, query, want string }{
		{
			"groups", "date=2025-11-08&group_by=test_id",
			`{"count":1,"total_count":3,"unattributed_count":0,"folded_group_count":0,"data":[{"date":"2025-11-08","metrics":[` +
				`{"event_type":"started","test_id":"T,\"2","count":1},{"event_type":"started","test_id":"T1","count":1},{"event_type":"started","test_id":"T2","count":1}]}]}`,
		},
		{
			"two dimensions of all types, in the order asked for", "date=2025-11-09&group_by=Country,TEST_ID&group=none&finality=true",
			`{"count":1,"total_count":1,"unattributed_count":0,"folded_group_count":0,"data":[{"date":"2025-11-09","finality":"settled","metrics":[` +
				`{"country":"np","test_id":"T1","count":1}]}]}`,
		},
		{
			"the greatest", "group_by=country&top=1&interval=month",
			`{"count":1,"total_count":4,"unattributed_count":0,"folded_group_count":2,"data":[{"date":"2025-11-01","metrics":[` +
				`{"event_type":"done","country":"np","count":1},{"event_type":"started","country":"__other__","count":2},{"event_type":"started","country":"np","count":1}]}]}`,
		},
		{
			"a filter", "where.test_id=T1&where.Test_Id=T2&where.COUNTRY=np&group=none&tz=Asia/Kathmandu",
			`{"count":2,"total_count":2,"unattributed_count":0,"data":[{"date":"2025-11-08","count":1},{"date":"2025-11-09","count":1}]}`,
		},
		{
			"beside an earlier range", "date=2025-11-09&compare=previous_period&group_by=country&where.test_id=T1",
			`{"count":1,"total_count":1,"unattributed_count":0,"folded_group_count":0,"previous":{"from":"2025-11-08","to":"2025-11-08","count":1,"unattributed_count":0},` +
				`"data":[{"date":"2025-11-09","metrics":[{"event_type":"done","country":"np","count":1,"previous_count":0},{"event_type":"started","country":"np","count":0,"previous_count":1}]}]}`,
		},
		{"CSV", "date=2025-11-08&group_by=test_id&group_by=country&format=csv", "date,event_type,test_id,country,count\n" +
			"2025-11-08,started,\"T,\"\"2\",,1\n2025-11-08,started,T1,np,1\n2025-11-08,started,T2,de,1"},
		{"NDJSON", "date=2025-11-09&group_by=test_id&format=ndjson", `{"date":"2025-11-09","event_type":"done","test_id":"T1","count":1}`},
		{
			"a table", "group_by=country&format=text",
			"event type         total  peak  on          by time\n" +
				"done / np              1     1  2025-11-09  ▁█\nstarted / (empty)      1     1  2025-11-08  █▁\n" +
				"started / de           1     1  2025-11-08  █▁\nstarted / np           1     1  2025-11-08  █▁\n2025-11-08 to 2025-11-09, 2 points",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			res := a.get("/metrics?" + tc.query)
			if d := cmp.Diff(tc.want+"\n", res.body); d != "" || res.header.Get("Unattributed-Count") != "0" {
				t.Error(d, res.header)
			}
			if again := a.get("/metrics?"+tc.query, "If-None-Match", res.header.Get("ETag")); again.status != http.StatusNotModified {
				t.Errorf("with its ETag: %d", again.status)
			}
		})
	}
	if got := a.get("/schema").json(t)["dimensions"]; !cmp.Equal(got, []any{"test_id", "country"}) {
		t.Errorf("the schema says %v", got)
	}
}

func TestMetricsByDimensionRefused(t *testing.T) {
	a, none := grouping(t, "test_id"), start(t, setup{})
	for _, tc := range []struct {
		on     *api
		query  string
		status int
		code   string
		detail string
	}{
		{a, "group_by=tset_id", 422, "unknown_dimension", `unknown dimension "tset_id"; there are test_id`},
		{a, "where.event_type=a", 422, "unknown_dimension", `unknown dimension "event_type"; there are test_id`},
		{a, "group_by=", 422, "unknown_dimension", `unknown dimension ""; there are test_id`},
		{none, "group_by=test_id", 422, "unknown_dimension", `unknown dimension "test_id"; there are none`},
		{a, "group_by=Test_ID,test_id", 400, "bad_request", `group_by: "test_id" is given twice`},
		{a, "group_by=test_id&uniques=true", 422, "no_group_uniques", "uniques: distinct candidates are not counted by dimension; leave out uniques, or group_by and where"},
		{a, "where.test_id=T1&uniques=true", 422, "no_group_uniques", "uniques: distinct candidates are not counted by dimension; leave out uniques, or group_by and where"},
	} {
		res := tc.on.get("/metrics?" + tc.query)
		body := res.json(t)
		if res.status != tc.status || body["code"] != tc.code || body["detail"] != tc.detail {
			t.Errorf("%s: %d %v", tc.query, res.status, body)
		}
	}
}

func TestUnattributedEventsAreCounted(t *testing.T) {
	a := start(t, setup{})
	a.countFile(byTest)
	b := start(t, setup{idle: true, store: a.store, service: eventmetrics.Options{Dimensions: []string{"test_id"}}})
	res := b.get("/metrics?where.test_id=T1")
	if res.status != http.StatusNotFound || res.header.Get("Unattributed-Count") != "4" {
		t.Errorf("a filter: %d, %s unattributed", res.status, res.header.Get("Unattributed-Count"))
	}
	res = b.get("/metrics?group_by=test_id&date=2025-11-09")
	want := `{"count":1,"total_count":1,"unattributed_count":1,"folded_group_count":0,"data":[{"date":"2025-11-09","metrics":[{"event_type":"done","test_id":"__unknown__","count":1}]}]}` + "\n"
	if d := cmp.Diff(want, res.body); d != "" {
		t.Error(d)
	}
	report := b.do("POST", "/admin/reprocess", nil).json(t)
	if report["filled_count"] != 1.0 || report["drifted_count"] != 0.0 || report["unfilled_count"] != 0.0 {
		t.Errorf("reprocess: %v", report)
	}
	if res = b.get("/metrics?where.test_id=T1&format=ndjson"); res.header.Get("Unattributed-Count") != "0" || strings.Count(res.body, "\n") != 2 {
		t.Errorf("after a reprocess: %v %s", res.header, res.body)
	}
}

// The manual has a file, a query with its answer as JSON, and one as CSV.
func TestManualExamplesOfGroups(t *testing.T) {
	text, err := os.ReadFile("../docs/http.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?s)### group_by and where.*?```csv\n(.*?)```.*?`\\?([^`]+)`:\n\n```json\n(.*?)```.*?`\\?([^`]+)`:\n\n```csv\n(.*?)```").FindStringSubmatch(string(text))
	if found == nil {
		t.Fatal("there are none")
	}
	a := grouping(t, "test_id")
	a.countFile(found[1])
	var want bytes.Buffer
	if err := json.Compact(&want, []byte(found[3])); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want.String(), strings.TrimSpace(a.get("/metrics?"+found[2]).body)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(found[5], a.get("/metrics?"+found[4]).body); d != "" {
		t.Error(d)
	}
}
