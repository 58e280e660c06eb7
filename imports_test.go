package eventmetrics_test

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
)

const module = "github.com/eventmetrics/eventmetrics"

// goPackage is what go list says of a package.
type goPackage struct {
	ImportPath    string
	Imports, Deps []string
}

// ours returns the packages of the module by their path in it, "" for the root.
var ours = sync.OnceValues(func() (map[string]*goPackage, error) {
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports,Deps", module+"/...").Output()
	if err != nil {
		return nil, err
	}
	found := map[string]*goPackage{}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		p := &goPackage{}
		if err := d.Decode(p); errors.Is(err, io.EOF) {
			return found, nil
		} else if err != nil {
			return nil, err
		}
		found[strings.TrimPrefix(p.ImportPath, module)] = p
	}
})

func packages(t *testing.T) map[string]*goPackage {
	t.Helper()
	all, err := ours()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	return all
}

// siblings returns the packages of the module among imports, the root as ".".
func siblings(imports []string) (found []string) {
	for _, path := range imports {
		if name, ok := strings.CutPrefix(path, module); ok {
			found = append(found, max(strings.TrimPrefix(name, "/"), "."))
		}
	}
	return found
}

// isStandard reports whether a package is of the standard library.
func isStandard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".")
}

// isOpenTelemetryAPI reports whether a package is part of the API of
// OpenTelemetry, or compiled by it.
func isOpenTelemetryAPI(path string) bool {
	const otel = "go.opentelemetry.io/otel"
	for _, other := range []string{"/sdk", "/exporters", "/bridge"} {
		if strings.HasPrefix(path, otel+other) {
			return false
		}
	}
	for _, prefix := range []string{otel, "go.opentelemetry.io/auto/sdk", "github.com/go-logr/", "github.com/cespare/xxhash/v2"} {
		if strings.HasPrefix(path, prefix) {
			return true
		}
	}
	return false
}

// mayImport lists which packages of the module a package may import: each line
// only those of lines above it, so that there is one direction. Below a folder
// with a slash at its end, everything may be imported by that folder only.
const mayImport = `
internal/text/clip:
internal/text/texttable:
internal/driver/redisdial:
internal/driver/stmtcache:
budget:
metrics:               internal/text/clip
metrics/series:        metrics internal/text/clip
ingest:                metrics internal/text/clip
ingest/charset:        ingest
store:                 metrics
queue:
ratelimit:
internal/telemetry:    store internal/text/clip
upload:                budget ingest metrics store internal/telemetry internal/text/clip
ledger:                metrics store internal/telemetry internal/text/clip
internal/worker:       budget ledger upload metrics store queue internal/telemetry internal/text/clip
retention:             ledger upload ingest metrics store queue internal/telemetry internal/text/clip
.:                     budget upload ledger retention internal/worker internal/telemetry metrics/series ingest metrics store queue
httpapi/ui:
httpapi:               . upload ledger retention metrics/series ingest ingest/charset metrics store queue ratelimit httpapi/ui internal/text/clip internal/text/texttable

store/storetest:       metrics store internal/text/clip
store/internal/fingerprints: store
store/internal/heartbeat:
store/internal/columnar: metrics
store/memstore:        metrics store
store/sqlitestore:     metrics store store/internal/fingerprints store/internal/heartbeat store/internal/columnar store/sqlitestore/internal/ internal/driver/stmtcache internal/text/clip
store/mongostore:      metrics store store/internal/fingerprints store/internal/heartbeat store/internal/columnar store/mongostore/internal/ internal/text/clip
queue/queuetest:       queue
queue/memqueue:        queue internal/text/clip
queue/riverqueue:      queue internal/driver/stmtcache internal/text/clip
queue/redisqueue:      queue internal/text/clip internal/driver/redisdial
ratelimit/ratelimittest: ratelimit
ratelimit/memlimiter:  ratelimit ratelimit/internal/
ratelimit/redislimiter: ratelimit ratelimit/internal/ internal/driver/redisdial
`

// allowed returns mayImport by package, and its order.
func allowed() (map[string][]string, []string) {
	table, order := map[string][]string{}, []string(nil)
	for line := range strings.Lines(mayImport) {
		if pkg, list, ok := strings.Cut(line, ":"); ok {
			table[pkg] = strings.Fields(list)
			order = append(order, pkg)
		}
	}
	return table, order
}

// isProgram reports whether a package belongs to a program, an example or the
// tests, which may import everything.
func isProgram(name string) bool {
	for _, folder := range []string{"cmd/", "examples/", "internal/test/"} {
		if strings.HasPrefix(name+"/", folder) {
			return true
		}
	}
	return false
}

func TestImportsPointOneWay(t *testing.T) {
	table, order := allowed()
	for _, name := range slices.Sorted(maps.Keys(packages(t))) {
		p, name := packages(t)[name], max(strings.TrimPrefix(name, "/"), ".")
		private, _, isPrivate := strings.Cut(name, "/internal/")
		if isProgram(name) {
			continue
		}
		list, known := table[name]
		if !known && !isPrivate {
			t.Errorf("mayImport does not say what %s may import", name)
			continue
		}
		if !known { // it may import what the package that it belongs to may
			list = append(slices.Clone(table[private]), private+"/internal/")
		}
		for _, other := range siblings(p.Imports) {
			may := slices.ContainsFunc(list, func(entry string) bool {
				return other == entry || strings.HasSuffix(entry, "/") && strings.HasPrefix(other, entry)
			})
			if !may {
				t.Errorf("%s imports %s", name, other)
			}
		}
	}
	for i, name := range order {
		for _, other := range table[name] {
			if !strings.HasSuffix(other, "/") && !slices.Contains(order[:i], other) {
				t.Errorf("mayImport lets %s import %s, which is not above it", name, other)
			}
		}
	}
}

// What an embedder compiles beside a backend is the standard library, and the
// API of OpenTelemetry where something is measured.
func TestThePackagesOfAnEmbedderCompileTheStandardLibrary(t *testing.T) {
	measured := []string{".", "upload", "ledger", "retention"}
	for _, name := range append([]string{
		"metrics", "metrics/series", "ingest", "store", "queue", "ratelimit",
		"store/storetest", "queue/queuetest", "ratelimit/ratelimittest", "store/memstore", "queue/memqueue",
	}, measured...) {
		p := packages(t)[strings.TrimSuffix("/"+name, "/.")]
		if p == nil {
			t.Errorf("there is no package %s", name)
			continue
		}
		for _, dep := range p.Deps {
			switch {
			case isStandard(dep) || strings.HasPrefix(dep, module):
			case slices.Contains(measured, name) && isOpenTelemetryAPI(dep):
			default:
				t.Errorf("%s compiles %s", name, dep)
			}
		}
	}
}

func TestBackendsCompileOnlyTheirDriver(t *testing.T) {
	heavy := []string{
		"modernc.org/sqlite", "github.com/riverqueue/river", "github.com/ulule/limiter", "github.com/klauspost/compress",
		"go.mongodb.org", "github.com/redis", "github.com/prometheus",
		"go.opentelemetry.io/otel/sdk", "go.opentelemetry.io/otel/exporters",
	}
	for _, tc := range []struct{ name, may string }{
		{"store/sqlitestore", "modernc.org/sqlite"},
		{"queue/riverqueue", "modernc.org/sqlite github.com/riverqueue/river"},
		{"ratelimit/memlimiter", ""},
		{"store/mongostore", "go.mongodb.org github.com/klauspost/compress"},
		{"queue/redisqueue", "github.com/redis"},
		{"ratelimit/redislimiter", "github.com/ulule/limiter github.com/redis"},
		{"httpapi", "github.com/klauspost/compress"},
		{".", ""},
	} {
		for _, dep := range packages(t)[strings.TrimSuffix("/"+tc.name, "/.")].Deps {
			for _, h := range heavy {
				if strings.HasPrefix(dep, h) && !strings.Contains(tc.may, h) {
					t.Errorf("%s compiles %s", tc.name, dep)
				}
			}
		}
	}
}

func TestNothingLinksWhatWeAvoid(t *testing.T) {
	avoided := []string{
		"github.com/jackc/pgx", "github.com/lib/pq", "github.com/gin-gonic", "github.com/valyala/fasthttp",
		"github.com/google/go-cmp", "pgregory.net/rapid", "go.uber.org/goleak", "github.com/getkin/kin-openapi",
	}
	for name, p := range packages(t) {
		for _, dep := range p.Deps {
			for _, a := range avoided {
				if strings.HasPrefix(dep, a) {
					t.Errorf("%s compiles %s", name, dep)
				}
			}
		}
	}
}

// What reads flags is the concern of a program, and only of its commands.
func TestOnlyTheCommandsImportALibraryForCommands(t *testing.T) {
	for name, p := range packages(t) {
		for _, path := range p.Imports {
			if strings.HasPrefix(path, "github.com/urfave/cli") && name != "/cmd/refserver/internal/cli" {
				t.Errorf("%s imports %s", name, path)
			}
		}
	}
}

func TestOnlyTestsImportTestPackagesAndExamples(t *testing.T) {
	for name, p := range packages(t) {
		for _, other := range siblings(p.Imports) {
			if strings.HasPrefix(other, "examples/") || strings.HasPrefix(other, "internal/test/") && !strings.HasPrefix(name, "/internal/test/") {
				t.Errorf("%s imports %s outside of its tests", name, other)
			}
		}
	}
}

func TestOnlyProgramsServeHTTP(t *testing.T) {
	for name, p := range packages(t) {
		if slices.Contains(siblings(p.Imports), "httpapi") && !isProgram(strings.TrimPrefix(name, "/")) {
			t.Errorf("%s imports httpapi", name)
		}
	}
}

func TestInternalHasFewEntries(t *testing.T) {
	entries, err := os.ReadDir("internal")
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) > 6 {
		t.Errorf("internal has %d entries: %v; at most 6 are wanted", len(entries), entries)
	}
}
