package eventmetrics_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/eventmetrics/eventmetrics"

// deps lists what a package of the module compiles, without the standard
// library.
func deps(t *testing.T, pkg string) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", module+pkg).Output()
	if err != nil {
		t.Fatalf("go list %s: %v", pkg, err)
	}
	return strings.Fields(string(out))
}

// ofOpenTelemetryAPI reports whether a package is of the API of OpenTelemetry
// or of what that compiles.
func ofOpenTelemetryAPI(pkg string) bool {
	const otel = "go.opentelemetry.io/otel"
	for _, other := range []string{"/sdk", "/exporters", "/bridge"} {
		if strings.HasPrefix(pkg, otel+other) {
			return false
		}
	}
	for _, prefix := range []string{otel, "go.opentelemetry.io/auto/sdk", "github.com/go-logr/", "github.com/cespare/xxhash/v2"} {
		if strings.HasPrefix(pkg, prefix) {
			return true
		}
	}
	return false
}

func TestInterfacePackagesCompileTheStandardLibraryAndTheRootOpenTelemetry(t *testing.T) {
	for pkg, siblings := range map[string][]string{
		"/metrics":        nil,
		"/metrics/series": {"/metrics"},
		"/ingest":         {"/metrics"},
		"/store":          {"/metrics"},
		"/queue":          nil,
		"/ratelimit":      nil,
		"":                {"/ingest", "/metrics", "/metrics/series", "/queue", "/store"},

		"/store/storetest":         {"/metrics", "/store"},
		"/queue/queuetest":         {"/queue"},
		"/ratelimit/ratelimittest": {"/ratelimit"},
	} {
		t.Run(module+pkg, func(t *testing.T) {
			for _, dep := range deps(t, pkg) {
				if pkg == "" && ofOpenTelemetryAPI(dep) {
					continue
				}
				sibling, ours := strings.CutPrefix(dep, module)
				if !ours || sibling != pkg && !slices.Contains(siblings, sibling) {
					t.Errorf("it compiles %s", dep)
				}
			}
		})
	}
}

func TestBackendsKeepToThemselves(t *testing.T) {
	for _, tc := range []struct{ pkg, may string }{
		{"/store/sqlitestore", "modernc.org/sqlite"},
		{"/queue/riverqueue", "modernc.org/sqlite github.com/riverqueue/river"},
		{"/ratelimit/memlimiter", "github.com/ulule/limiter"},
		{"/store/mongostore", "go.mongodb.org github.com/klauspost/compress"},
		{"/queue/redisqueue", "github.com/redis"},
		{"/ratelimit/redislimiter", "github.com/ulule/limiter github.com/redis"},
		{"/httpapi", "github.com/klauspost/compress"},
		{"", ""},
	} {
		t.Run(tc.pkg, func(t *testing.T) {
			heavy := []string{
				"modernc.org/sqlite", "github.com/riverqueue/river", "github.com/ulule/limiter", "github.com/klauspost/compress",
				"go.mongodb.org", "github.com/redis", "github.com/prometheus",
				"go.opentelemetry.io/otel/sdk", "go.opentelemetry.io/otel/exporters",
			}
			for _, dep := range deps(t, tc.pkg) {
				for _, h := range heavy {
					if strings.HasPrefix(dep, h) && !strings.Contains(tc.may, h) {
						t.Errorf("it compiles %s", dep)
					}
				}
			}
		})
	}
}

func TestNothingLinksWhatWeAvoid(t *testing.T) {
	avoided := []string{
		"github.com/jackc/pgx", "github.com/lib/pq", "github.com/gin-gonic", "github.com/valyala/fasthttp",
		"github.com/google/go-cmp", "pgregory.net/rapid", "go.uber.org/goleak", "github.com/getkin/kin-openapi",
	}
	for _, dep := range deps(t, "/...") {
		for _, a := range avoided {
			if strings.HasPrefix(dep, a) {
				t.Errorf("the default build compiles %s", dep)
			}
		}
	}
}

func TestOnlyProgramsServeHTTP(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, module+"/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		pkg, imports, _ := strings.Cut(strings.TrimSpace(line), " ")
		program := strings.HasPrefix(pkg, module+"/cmd/") || strings.HasPrefix(pkg, module+"/examples/")
		if !program && slices.Contains(strings.Fields(imports), module+"/httpapi") {
			t.Errorf("%s imports httpapi", pkg)
		}
	}
}
