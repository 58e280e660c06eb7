package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// scrape returns what Prometheus would get.
func (s *server) scrape() string {
	s.t.Helper()
	status, text := s.fromOps("/metrics")
	if status != http.StatusOK {
		s.t.Fatalf("%d %s", status, text)
	}
	return text
}

// fromOps gets a path from the listener for operators.
func (s *server) fromOps(path string) (status int, body string) {
	s.t.Helper()
	url := strings.TrimSuffix(s.ops, "/metrics") + path
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, url, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// until polls for what is to happen in the other process.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("still waiting until %s", what)
		}
	}
}

func TestNotReadyWhileASlowUploadEndsInPeace(t *testing.T) {
	s := startServer(t, t.TempDir(), "OPS_ADDR=127.0.0.1:0")
	body, rows := io.Pipe()
	type answer struct {
		status int
		body   string
		err    error
	}
	answered := make(chan answer, 1)
	go func() {
		status, text, err := s.do(http.MethodPost, "/uploads", body)
		answered <- answer{status, text, err}
	}()
	if _, err := io.WriteString(rows, "candidate_id,test_id,event_type,timestamp\nC1,T1,a,2025-11-08\n"); err != nil {
		t.Fatal(err)
	}
	until(t, "the upload is under way", func() bool { return strings.Contains(s.scrape(), "\neventmetrics_upload_active 1\n") })
	s.get("/readyz")
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	until(t, "the server is not ready", func() bool {
		status, _ := s.fromOps("/readyz")
		return status == http.StatusServiceUnavailable
	})
	if status, body := s.fromOps("/healthz"); status != http.StatusOK {
		t.Errorf("a server that ends is not alive: %d %s", status, body)
	}
	if !strings.Contains(s.scrape(), "\neventmetrics_upload_active 1\n") {
		t.Error("the upload was not waited for")
	}
	if _, err := io.WriteString(rows, "C2,T1,a,2025-11-08\n"); err != nil {
		t.Fatal(err)
	}
	_ = rows.Close()
	if a := <-answered; a.status != http.StatusCreated || !strings.Contains(a.body, `"inserted_count":2`) {
		t.Errorf("%d %s %v", a.status, a.body, a.err)
	}
	if err := s.stop(syscall.Signal(0)); err != nil { // a second SIGTERM would end it at once
		t.Errorf("the server ended with %v", err)
	}
}

// TestDashboardAndAlertsNameWhatIsExported has the server do a little of
// everything, and looks for the metrics and labels of the files in docs.
func TestDashboardAndAlertsNameWhatIsExported(t *testing.T) {
	s := startServer(t, t.TempDir(), "OPS_ADDR=127.0.0.1:0")
	sample, err := os.Open("testdata/events.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer sample.Close()
	for _, step := range []struct {
		method, path string
		body         io.Reader
	}{
		{http.MethodPost, "/uploads?process=true", sample},
		{http.MethodGet, "/metrics", nil},
		{http.MethodPost, "/admin/reprocess", nil},
		{http.MethodPost, "/admin/cleanup", nil},
		{http.MethodPost, "/admin/integrity", nil},
		{http.MethodPost, "/admin/retention", nil},
		{http.MethodPost, "/admin/erasures", strings.NewReader(`{"subject":"nobody","counts":"keep"}`)},
	} {
		var headers []string
		if step.path == "/admin/erasures" {
			headers = []string{"Content-Type", "application/json"}
		}
		if status, body, err := s.do(step.method, step.path, step.body, headers...); err != nil || status >= 300 {
			t.Fatalf("%s %s: %d %s %v", step.method, step.path, status, body, err)
		}
	}
	exported := s.scrape()
	for file, exprs := range map[string][]string{
		"grafana-dashboard.json": dashboardExprs(t),
		"alerts.yaml":            alertExprs(t),
		"operations.md":          documented(t),
	} {
		if len(exprs) < 5 {
			t.Errorf("%s: found only %q", file, exprs)
		}
		for _, expr := range exprs {
			for _, name := range metricNames(expr) {
				whole := file == "operations.md" && strings.Contains(exported, "# TYPE "+name+" ") // a histogram
				if !whole && !strings.Contains(exported, "\n"+name+"{") && !strings.Contains(exported, "\n"+name+" ") {
					t.Errorf("%s: there is no metric %s, which is in %s", file, name, expr)
				}
			}
			for _, label := range labelNames(expr) {
				if !strings.Contains(exported, "{"+label+"=\"") && !strings.Contains(exported, ","+label+"=\"") {
					t.Errorf("%s: there is no label %s, which is in %s", file, label, expr)
				}
			}
		}
	}
	if t.Failed() {
		t.Log(exported)
	}
}

var (
	selectors  = regexp.MustCompile(`\{([^}]*)\}`)
	groupings  = regexp.MustCompile(`\bby \(([^)]*)\)`)
	metricForm = regexp.MustCompile(`\b[a-z]+_[a-z_]+\b`)
	matcher    = regexp.MustCompile(`([a-z_]+)(?:=~|!~|!=|=)`)
)

// metricNames finds the metrics of a PromQL expression: the words with an
// underscore that are neither labels nor functions.
func metricNames(expr string) []string {
	expr = groupings.ReplaceAllString(selectors.ReplaceAllString(expr, ""), "")
	var names []string
	for _, name := range metricForm.FindAllString(expr, -1) {
		if name != "histogram_quantile" && name != "label_values" && name != "__rate_interval" {
			names = append(names, name)
		}
	}
	return names
}

// labelNames finds the labels but those that Prometheus adds.
func labelNames(expr string) []string {
	var all, names []string
	for _, s := range selectors.FindAllStringSubmatch(expr, -1) {
		for _, m := range matcher.FindAllStringSubmatch(s[1], -1) {
			all = append(all, m[1])
		}
	}
	for _, g := range groupings.FindAllStringSubmatch(expr, -1) {
		all = append(all, strings.Split(g[1], ", ")...)
	}
	for _, name := range all {
		if name != "instance" {
			names = append(names, name)
		}
	}
	return names
}

func readDoc(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// dashboardExprs returns the expressions of the panels, which it looks over.
func dashboardExprs(t *testing.T) []string {
	t.Helper()
	type pos struct{ X, Y, W, H int }
	var dashboard struct {
		Title, UID    string
		SchemaVersion int
		Templating    struct {
			List []struct{ Query any }
		}
		Panels []struct {
			ID          int
			Type, Title string
			GridPos     pos
			Targets     []struct{ Expr string }
		}
	}
	if err := json.Unmarshal([]byte(readDoc(t, "grafana-dashboard.json")), &dashboard); err != nil {
		t.Fatal(err)
	}
	if dashboard.Title == "" || dashboard.UID == "" || dashboard.SchemaVersion == 0 {
		t.Error("the dashboard lacks a title, uid or schemaVersion")
	}
	var exprs []string
	ids, cells := map[int]bool{}, map[[2]int]string{}
	for _, p := range dashboard.Panels {
		if p.Title == "" || p.Type == "" || ids[p.ID] || p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("panel %d %q has no title, type or target, or no id of its own", p.ID, p.Title)
		}
		ids[p.ID] = true
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				cell := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
				if cells[cell] != "" || cell[0] >= 24 {
					t.Fatalf("panel %q is beside the grid or on %q", p.Title, cells[cell])
				}
				cells[cell] = p.Title
			}
		}
		for _, target := range p.Targets {
			exprs = append(exprs, target.Expr)
		}
	}
	return exprs
}

func alertExprs(t *testing.T) []string {
	t.Helper()
	text := readDoc(t, "alerts.yaml")
	var exprs []string
	for _, found := range regexp.MustCompile(`(?m)^ +expr: (.*)$`).FindAllStringSubmatch(text, -1) {
		exprs = append(exprs, found[1])
	}
	for _, member := range []string{"- alert: ", "labels: {severity: ", "summary: "} {
		if n := strings.Count(text, member); n != len(exprs) {
			t.Errorf("%d of %d alerts have %q", n, len(exprs), member)
		}
	}
	return exprs
}

// documented returns the metrics in the table of operations.md, and puts their
// labels as PromQL would.
func documented(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, found := range regexp.MustCompile("(?m)^\\| `((?:eventmetrics|http)_[^`]*)`").FindAllStringSubmatch(readDoc(t, "operations.md"), -1) {
		names = append(names, strings.NewReplacer("{", " by (", ",", ", ", "}", ")").Replace(found[1]))
	}
	return names
}
