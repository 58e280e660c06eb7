package httpapi_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/httpapi"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/metrics/series"
)

// groupsFile has rows that are in a group of their own, by day and value.
func groupsFile(days, values int, prefix string) string {
	var b strings.Builder
	b.WriteString("candidate_id,test_id,event_type,timestamp,code\n")
	for i := range values {
		for d := range days {
			fmt.Fprintf(&b, "C%d,T1,started,2025-11-%02dT09:00:00Z,%s-%06d\n", i, d+1, prefix, i)
		}
	}
	return b.String()
}

func startSmall(t *testing.T) *api {
	t.Helper()
	return start(t, setup{service: eventmetrics.Options{
		UploadMemory: eventmetrics.LeastUploadMemory, QueryMemory: eventmetrics.LeastQueryMemory,
		Dimensions: []string{"code"}, Caps: metrics.AggregatorOptions{MaxValues: 10_000},
	}})
}

func TestWhatNeedsTooMuchMemoryIsRefusedInWords(t *testing.T) {
	a := startSmall(t)
	a.csv("/uploads", groupsFile(25, 2000, "code")).problem(t, http.StatusRequestEntityTooLarge, httpapi.CodeTooLarge)
	for i := range 8 {
		a.countFile(groupsFile(20, 900, strconv.Itoa(i)))
	}
	a.get("/metrics?group_by=code").problem(t, http.StatusBadRequest, httpapi.CodeBadRequest)
	if res := a.get("/metrics?group_by=code&date=2025-11-03"); res.status != http.StatusOK {
		t.Errorf("a day answers %d: %.200s", res.status, res.body)
	}
}

func TestBusyMemoryIsAnsweredWithRetryAfter(t *testing.T) {
	a := startSmall(t)
	a.count(day8)
	err := a.service.QueryFunc(t.Context(), series.Query{}, func(_ *series.Result, more func(int64) error) error {
		if err := more(eventmetrics.LeastQueryMemory - 16<<20); err != nil {
			return err
		}
		res := a.get("/metrics")
		res.problem(t, http.StatusServiceUnavailable, httpapi.CodeBusy)
		if res.header.Get("Retry-After") == "" {
			t.Error("the answer does not say when to try again")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestLongAnswersAreTheSameAsShortOnes(t *testing.T) {
	a := start(t, setup{service: eventmetrics.Options{Dimensions: []string{"code"}}})
	a.countFile(groupsFile(28, 900, "a-code-with-a-long-name"))
	get := func(path string, headers ...string) answer { // checking the contract of a long answer takes a minute
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
		r.Header.Set("Authorization", "Bearer "+token)
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		w := httptest.NewRecorder()
		a.handler.ServeHTTP(w, r)
		return answer{w.Code, w.Header(), w.Body.String()}
	}
	for _, format := range []string{"json", "ndjson", "csv"} {
		long := get("/metrics?group_by=code&format=" + format)
		if long.status != http.StatusOK || len(long.body) < 1<<20 {
			t.Fatalf("%s: %d with %d bytes", format, long.status, len(long.body))
		}
		var days strings.Builder
		for d := range 28 {
			short := get(fmt.Sprintf("/metrics?group_by=code&format=%s&date=2025-11-%02d", format, d+1)).body
			switch format {
			case "json":
				short = short[strings.Index(short, `{"date"`) : len(short)-len("]}\n")]
				if d > 0 {
					short = "," + short
				}
			case "csv":
				if d > 0 {
					_, short, _ = strings.Cut(short, "\n")
				}
			}
			days.WriteString(short)
		}
		if !strings.Contains(long.body, days.String()) {
			t.Errorf("%s: the long answer is not made of those of its days", format)
		}
		tag := long.header.Get("ETag")
		if res := get("/metrics?group_by=code&format="+format, "If-None-Match", tag); tag == "" || res.status != http.StatusNotModified {
			t.Errorf("%s: If-None-Match %s answers %d", format, tag, res.status)
		}
	}
}
