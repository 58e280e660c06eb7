package httpapi_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics/httpapi"
)

// queryParameters returns the parameters of the routes that check them, by
// pattern.
func queryParameters(t *testing.T) map[string][]*openapi3.Parameter {
	t.Helper()
	found := map[string][]*openapi3.Parameter{}
	for pattern, op := range theContract(t).ops {
		if op.Security != nil && len(*op.Security) == 0 {
			continue
		}
		found[pattern] = nil
		for _, p := range op.Parameters {
			if p.Value.In == openapi3.ParameterInQuery {
				found[pattern] = append(found[pattern], p.Value)
			}
		}
	}
	return found
}

// TestRepeatedParametersAreRefused asks every route twice for each parameter
// that the specification does not describe as a list.
func TestRepeatedParametersAreRefused(t *testing.T) {
	a := start(t, setup{})
	var lists []string
	for pattern, params := range queryParameters(t) {
		method, path, _ := strings.Cut(pattern, " ")
		for _, p := range params {
			if p.Schema.Value.Type.Is(openapi3.TypeArray) {
				lists = append(lists, p.Name)
				continue
			}
			for _, values := range [][2]string{{"", ""}, {"1", "1"}, {"true", "false"}} {
				query := "?" + p.Name + "=" + values[0] + "&" + p.Name + "=" + values[1]
				detail, _ := a.do(method, path+query, nil).problem(t, http.StatusBadRequest, httpapi.CodeBadRequest)["detail"].(string)
				if want := p.Name + ": give it once"; detail != want {
					t.Errorf("%s%s: %q, want %q", pattern, query, detail, want)
				}
			}
		}
	}
	slices.Sort(lists)
	if d := cmp.Diff([]string{"event_type", "group_by", "status", "where.NAME"}, lists); d != "" {
		t.Error(d)
	}
}

func TestRepeatedParametersOfAnUploadStoreNothing(t *testing.T) {
	a := start(t, setup{})
	for _, query := range []string{"dry_run=false&dry_run=true", "dry_run=true&dry_run=false", "mode=strict&mode=partial"} {
		a.csv("/uploads?"+query, header+"C1,T1,a,2025-11-08T09:00:00Z\n").problem(t, http.StatusBadRequest, httpapi.CodeBadRequest)
	}
	if got := a.get("/batches").json(t)["count"]; got != 0.0 {
		t.Errorf("%v batches are stored", got)
	}
}

func TestAllMistakesAreListed(t *testing.T) {
	a := start(t, setup{})
	for _, tc := range []struct{ name, query, want string }{
		{"of several parameters", "/metrics?date=soon&interval=year&colums=90&columns=9", `interval: want hour, day, week, month or all; ` +
			`date: "soon" is not a date; want the form 2006-01-02; columns: want a number from 20 to 1000; unknown parameter "colums"; there are `},
		{"unknown parameters, in alphabetical order", "/batches?b=1&a=1", `unknown parameters "a", "b"; there are status, repairs, limit, cursor`},
		{"where there are no parameters", "/admin/queues?b=1&a=1", `unknown parameters "a", "b"; there are none here`},
		{"a repeated and a wrong one", "/batches?limit=1&limit=2&cursor=x", `limit: give it once; cursor: want the next_cursor of an earlier answer`},
		{"at most ten", "/metrics?date=x&from=x&to=x&interval=x&tz=x&uniques=x&fill=x&group=x&compare=x&finality=x&as_of=x&other=x", "; and 2 more mistakes"},
		{"at most ten unknown ones", "/batches?a&b&c&d&e&f&g&h&i&j&k&l", `"j", ...; there are`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			detail, _ := a.get(tc.query).problem(t, http.StatusBadRequest, httpapi.CodeBadRequest)["detail"].(string)
			if !strings.Contains(detail, tc.want) {
				t.Errorf("got %q, want %q", detail, tc.want)
			}
		})
	}
}

func TestKeyAndParametersAreCheckedTogether(t *testing.T) {
	a := start(t, setup{})
	res := a.csv("/uploads?mode=strct&max_errors=-1", header, "Idempotency-Key", strings.Repeat("k", 256))
	want := "mode: want partial or strict; max_errors: want a number of rows, 0 or more; " +
		"Idempotency-Key: want one value of 1 to 255 printable ASCII characters"
	if d := cmp.Diff(want, res.problem(t, http.StatusBadRequest, httpapi.CodeBadRequest)["detail"]); d != "" {
		t.Error(d)
	}
}
