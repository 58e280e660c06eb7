package httpapi_test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics"
)

// TestManualExamplesAreAnswered asks for what docs/http.md shows. It may
// leave out members, and the last elements of lists; ids and times of the server
// are other ones.
func TestManualExamplesAreAnswered(t *testing.T) {
	text, err := os.ReadFile("../docs/http.md")
	if err != nil {
		t.Fatal(err)
	}
	sample, err := os.ReadFile("../cmd/refserver/testdata/events.csv")
	if err != nil {
		t.Fatal(err)
	}
	var ahead atomic.Int64 // of the clock
	upload := func(path, content string) func(*api) answer {
		return func(a *api) answer { return a.csv(path, content) }
	}
	query := func(path string) func(*api) answer {
		return func(a *api) answer { return a.get(path) }
	}
	const day8, day9 = "C1,T1,test_started,2025-11-08T09:00:00Z\n", "C1,T1,test_started,2025-11-09T09:00:00Z\n"
	for _, tc := range []struct {
		after  string // of the manual
		counts []string
		ask    func(*api) answer
	}{
		{"with both `readings`", nil, upload("/uploads", header+"C1,T1,test_started,03/04/2025\n")},
		{"201, with `Location`:", nil, upload("/uploads?file_name=events.csv", string(sample))},
		{"max_error_ratio=0.05\"\n", nil, upload("/uploads?max_error_ratio=0.05", string(sample))},
		{"### Dry run\n", []string{day8}, upload("/uploads?dry_run=true", string(sample))},
		{"## GET /metrics\n", []string{day8}, query("/metrics")},
		{"### compare", []string{strings.Repeat("C1,T1,test_ended,2025-11-08T09:00:00Z\n", 2), strings.Repeat(day9, 3)}, query("/metrics?date=2025-11-09&compare=previous_period")},
		{"### as_of", []string{day8}, func(a *api) answer {
			return a.get("/metrics?date=2025-11-08&as_of=" + time.Now().UTC().Format(time.RFC3339Nano))
		}},
		{"`repaired_by` has the newest 100", nil, func(a *api) answer { return a.correctTwo(string(sample)) }},
		{"A dry run of retention", nil, func(a *api) answer {
			a.csv("/uploads", string(sample))
			ahead.Store(int64(48 * time.Hour))
			return a.do("POST", "/admin/retention?dry_run=true", nil)
		}},
		{"## GET /metrics/explain", []string{day8}, query("/metrics/explain?date=2025-11-08&event_type=test_started")},
	} {
		t.Run(strings.Trim(tc.after, "#\n "), func(t *testing.T) {
			ahead.Store(0)
			a := start(t, setup{service: eventmetrics.Options{
				Retention: eventmetrics.Retention{Rejected: 36 * time.Hour}, RetainEvery: -1,
				Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) },
			}})
			for _, rows := range tc.counts {
				a.count(rows)
			}
			_, rest, found := strings.Cut(string(text), tc.after)
			if !found {
				t.Fatal("the manual has no such place")
			}
			shown := block(t, rest, "json")
			if !strings.HasPrefix(shown, "{") {
				shown = "{" + shown + "}"
			}
			var want map[string]any
			if err := json.Unmarshal([]byte(shown), &want); err != nil {
				t.Fatal(err)
			}
			res := tc.ask(a)
			if status, there := want["status"].(float64); there && int(status) != res.status {
				t.Errorf("status %d", res.status)
			}
			for _, differs := range shows(want, res.json(t), "") {
				t.Error(differs)
			}
		})
	}
}

// correctTwo uploads a file and corrects two of its rejected rows. It returns the
// answer about the first batch.
func (a *api) correctTwo(sample string) answer {
	a.t.Helper()
	first, _ := a.csv("/uploads?process=true", sample, "Prefer", "wait=30").json(a.t)["batch_id"].(string)
	repair := a.get("/batches/" + first + "/errors").body
	corrected := strings.Replace(strings.Replace(repair, "\n,T1002", "\nC102,T1002", 1), "T1002,,", "T1002,test_abandoned,", 1)
	a.csv("/uploads?process=true&file_name=corrected.csv&repairs="+first, corrected, "Prefer", "wait=30")
	return a.get("/batches/" + first)
}

// moving are UUIDs, shortened ones of the manual too, and times of the server,
// which have milliseconds.
var moving = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|019ab4a[0-9]-…|[0-9-]{10}T[0-9:]{8}\.[0-9]{3}Z`)

// shows lists in what an answer differs from what is shown of it.
func shows(want, got any, place string) (differs []string) {
	switch want := want.(type) {
	case map[string]any:
		got, _ := got.(map[string]any)
		for name, value := range want {
			if _, there := got[name]; !there {
				differs = append(differs, place+"."+name+" is missing")
				continue
			}
			differs = append(differs, shows(value, got[name], place+"."+name)...)
		}
	case []any:
		got, _ := got.([]any)
		if len(got) < len(want) {
			return []string{fmt.Sprintf("%s has %d elements, shown are %d", place, len(got), len(want))}
		}
		for i := range want {
			differs = append(differs, shows(want[i], got[i], fmt.Sprintf("%s[%d]", place, i))...)
		}
	default:
		if w, g := fmt.Sprint(want), fmt.Sprint(got); moving.ReplaceAllString(w, "") != moving.ReplaceAllString(g, "") {
			differs = append(differs, fmt.Sprintf("%s is %s, shown is %s", place, g, w))
		}
	}
	return differs
}
