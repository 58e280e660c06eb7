package httpapi_test

import (
	"net/http"
	"net/url"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/httpapi"
)

// moment returns a time after everything so far and before everything later, in
// the form of a query.
func moment() string {
	t := time.Now().UTC().Truncate(time.Millisecond)
	for !time.Now().Truncate(time.Millisecond).After(t) {
		runtime.Gosched()
	}
	return t.Format("2006-01-02T15:04:05.000Z")
}

func TestAnswerAsOfATimeIsTheEarlierAnswer(t *testing.T) {
	a := start(t, setup{})
	a.count(november)
	queries := []string{
		"", "date=2025-11-08", "from=2025-11-07&to=2025-11-08&event_type=started", "interval=hour&tz=Asia/Kathmandu&from=2025-11-06",
		"interval=week&uniques=true", "date=2025-11-07&compare=previous_period&uniques=true&fill=zero", "top=1&other=true&interval=month",
		"finality=true", "format=csv&finality=true", "format=ndjson&group=none", "format=text&finality=true&from=2025-11-06&to=2025-11-09",
	}
	then := map[string]string{}
	for _, q := range queries {
		then[q] = a.get("/metrics?" + q).body
	}
	at := moment()
	later := a.count(november + "C7,T1,started,2025-11-07T12:00:00Z\nC7,T1,new,2025-12-01\n")
	for _, q := range queries {
		if now := a.get("/metrics?" + q).body; now == then[q] {
			t.Errorf("%q is the same without as_of", q)
		}
		res := a.get("/metrics?" + q + "&as_of=" + at)
		if !strings.Contains(res.body, at) {
			t.Errorf("%q does not state as_of: %s", q, res.body)
		}
		if d := cmp.Diff(then[q], withoutAsOf(res.body)); d != "" {
			t.Errorf("%q: %s", q, d)
		}
		if got := a.get("/metrics?"+q+"&as_of="+at, "If-None-Match", res.header.Get("ETag")).status; got != http.StatusNotModified {
			t.Errorf("%q again: %d", q, got)
		}
	}
	a.do("DELETE", "/batches/"+later, nil)
	if d := cmp.Diff(then[""], withoutAsOf(a.get("/metrics?as_of="+moment()).body)); d != "" {
		t.Errorf("when the later batch is gone: %s", d)
	}
}

// withoutAsOf takes out what states the moment.
func withoutAsOf(body string) string {
	const at = `[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{12}Z`
	return regexp.MustCompile(`,"as_of":"`+at+`"|(?m:,as_of$)|(?m:,`+at+`$)|, as of `+at).ReplaceAllString(body, "")
}

func TestAsOfMustBeInThePast(t *testing.T) {
	a := start(t, setup{})
	before := moment()
	a.count(day8)
	for _, tc := range []struct {
		name, asOf string
		status     int
	}{
		{"now, with an offset", time.Now().In(time.FixedZone("", 2*3600)).Format(time.RFC3339Nano), http.StatusOK},
		{"before all", before, http.StatusNotFound},
		{"before all times", "0001-01-01T00:00:00Z", http.StatusNotFound},
		{"an hour to come", time.Now().Add(time.Hour).UTC().Format(time.RFC3339), http.StatusUnprocessableEntity},
		{"a date", "2025-11-08", http.StatusBadRequest},
		{"nonsense", "yesterday", http.StatusBadRequest},
	} {
		t.Run(tc.name, func(t *testing.T) {
			res := a.get("/metrics?as_of=" + url.QueryEscape(tc.asOf))
			switch {
			case res.status != tc.status:
				t.Errorf("status %d, want %d: %s", res.status, tc.status, res.body)
			case tc.status == http.StatusUnprocessableEntity:
				res.problem(t, tc.status, httpapi.CodeAsOfInFuture)
			case tc.status == http.StatusBadRequest && !strings.HasPrefix(res.problem(t, tc.status, httpapi.CodeBadRequest)["detail"].(string), "as_of: "):
				t.Error(res.body)
			}
		})
	}
}

func TestCacheControlFollowsFinality(t *testing.T) {
	now := time.Date(2025, 11, 9, 12, 0, 0, 0, time.UTC)
	a := start(t, setup{service: eventmetrics.Options{Now: func() time.Time { return now }}})
	id := a.count("C1,T1,a,2025-11-06T09:00:00Z\nC1,T1,a,2025-11-07T09:00:00Z\n")
	other := a.count("C1,T1,a,2025-11-07T09:00:00Z\nC1,T1,b,2025-11-08T09:00:00Z\n")
	const open, settled, sealed = "private, no-cache", "private, max-age=60", "private, max-age=86400"
	check := func(when string, want map[string]string) {
		t.Helper()
		for query, control := range want {
			for _, more := range []string{"", "&finality=true"} {
				res := a.get("/metrics?" + query + more)
				if got := res.header.Get("Cache-Control"); got != control {
					t.Errorf("%s, %q is %q, want %q", when, query+more, got, control)
				}
				tag := res.header.Get("ETag")
				again := a.get("/metrics?"+query+more, "If-None-Match", tag)
				if got := again.header.Get("Cache-Control"); again.status != http.StatusNotModified || got != control {
					t.Errorf("%s, %q again is %d, %q, want 304, %q", when, query+more, again.status, got, control)
				}
			}
		}
	}
	finalities := func(when, want string) {
		t.Helper()
		if d := cmp.Diff(want, a.get("/metrics?finality=true&format=csv&fill=zero&from=2025-11-05&to=2025-11-08&group=none").body); d != "" {
			t.Errorf("%s: %s", when, d)
		}
	}
	if err := a.store.PurgeEvents(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	check("with one sealed", map[string]string{
		"": open, "from=2025-11-06": open, "date=2025-11-09&event_type=a&fill=zero": open, "to=2025-11-09": open,
		"date=2025-11-06": sealed, "date=2025-11-07": settled, "date=2025-11-08": settled, "from=2025-11-05&to=2025-11-06&interval=week": sealed,
		"date=2025-11-06&compare=previous_period": sealed, "date=2025-11-08&compare=previous_period": settled,
		"date=2025-11-06&interval=hour&tz=Asia/Kathmandu": sealed,
		"date=2025-11-07&interval=hour&tz=Asia/Kathmandu": settled,
	})
	finalities("with one sealed", "date,count,finality\n2025-11-05,0,settled\n2025-11-06,1,sealed\n2025-11-07,2,settled\n2025-11-08,1,settled\n")
	if err := a.store.PurgeEvents(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	check("with both sealed", map[string]string{"": open, "to=2025-11-08": sealed, "date=2025-11-08&compare=previous_period": sealed})
	finalities("with both sealed", "date,count,finality\n2025-11-05,0,settled\n2025-11-06,1,sealed\n2025-11-07,2,sealed\n2025-11-08,1,sealed\n")
	a.csv("/uploads", header+"C9,T1,x,2025-01-01\n")
	check("with one that waits", map[string]string{"to=2025-11-08": open, "date=2025-11-06": open})
	finalities("with one that waits", "date,count,finality\n2025-11-05,0,pending\n2025-11-06,1,pending\n2025-11-07,2,pending\n2025-11-08,1,pending\n")
}
