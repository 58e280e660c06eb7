package crashtest_test

import (
	"cmp"
	"context"
	"os"
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics/internal/test/site"
	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
	"github.com/eventmetrics/eventmetrics/queue"
)

// place is where the data of a stack are.
type place struct {
	site.Site
	// Rows is the number of rows of a sample in a file.
	Rows int64
}

const (
	// blocksRows are more than two blocks of the embedded store have.
	blocksRows = 35_000
	// fewRows do where it does not matter how many there are.
	fewRows = 2_000
)

// kind is a kind of stack whose processes are killed.
type kind struct {
	name string
	// empty returns a new place.
	empty func(t *testing.T) *place
	// stride is the number of steps from one kill to the next. Steps of what
	// runs beside the scenario, such as the settling of the rollup, come in
	// another order each time.
	stride, strideShort int64
}

func kinds() []kind {
	embedded := func(t *testing.T) *place { return &place{Site: site.Site{Dir: t.TempDir()}} }
	mongo := func(t *testing.T) *place {
		return &place{Site: site.Site{Dir: t.TempDir(), Mongo: testenv.Mongo(t)}}
	}
	return []kind{{"embedded", embedded, 1, 7}, {"mongo", mongo, 7, 7}}
}

// copyOf returns a place of the same kind with the same data.
func (k *kind) copyOf(t *testing.T, template *place) *place {
	t.Helper()
	p := k.empty(t)
	p.Rows = template.Rows
	if err := os.CopyFS(p.Dir, os.DirFS(template.Dir)); err != nil {
		t.Fatal(err)
	}
	if p.Mongo != "" {
		copyDatabase(t, template.Mongo, p.Mongo)
	}
	return p
}

// sample makes the file of a seed: on days and of types that all files share,
// some rows broken. The database of the tests is slow, and gets few.
func (p *place) sample(seed uint64) *file {
	rows := cmp.Or(p.Rows, blocksRows) + int64(seed)
	if p.Mongo != "" {
		rows = 300 + int64(seed)
	}
	return sample(seed, rows)
}

// open opens what is in the place. Step is called before each change.
func (p *place) open(ctx context.Context, step func(string)) (*stack, error) {
	retry := queue.Retry{Base: 10 * time.Millisecond}
	if p.Redis != "" {
		retry.MaxAttempts = 1000 // a job may have been there at each of the kills
	}
	b, err := site.Open(ctx, &p.Site, &site.Options{Step: step, Retry: retry})
	if err != nil {
		return nil, err
	}
	s := &stack{place: *p, store: b.Store, queue: b.Queue, close: b.Close}
	if b.Database != nil {
		s.ledger = &ledger{b.Store, b.Database}
	}
	s.serve(nil)
	return s, nil
}

// mustOpen opens a place for a test.
func (p *place) mustOpen(t *testing.T) *stack {
	t.Helper()
	s, err := p.open(t.Context(), func(string) {})
	if err != nil {
		t.Fatalf("the place cannot be opened again: %v", err)
	}
	return s
}
