package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/httpapi"
	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/queue/memqueue"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/mongostore"
	"github.com/eventmetrics/eventmetrics/store/sqlitestore"
)

const (
	queryDays   = 365
	queryTypes  = 20
	queryValues = 1000 // of the dimension
	// dimensionBatches and mongoBatches are less than config.batches: they take long
	// to be made.
	dimensionBatches = 2000
	mongoBatches     = queryDays
	mongoLedger      = "ledger-mongo" // a directory
)

// year is the query of all metrics; as_of and others are added to it.
const year = "/metrics?from=2025-01-01&to=2025-12-31"

var queries = []struct{ name, query string }{
	{"counts", ""},
	{"by hours, all types together", "&interval=hour&group=none"},
	{"in another zone", "&tz=America/New_York"},
	{"distinct candidates", "&uniques=true"},
	{"compared with the year before", "&compare=previous_year"},
	{"with finality", "&finality=true"},
	{"as of now", "&as_of=now"},
	{"as of the middle of the batches", "&as_of=middle"},
	{"as of then, distinct candidates", "&uniques=true&as_of=middle"},
}

var queryColumns = []column{
	{title: "p50, ms", value: "p50"},
	{title: "p99, ms", value: "p99"},
	{title: "CPU, us", value: "cpu"},
	{title: "16 clients: queries/s, times one client's", value: "together"},
	{title: "answer, bytes", value: "bytes"},
}

func queryTable(c *config) *table {
	t := &table{
		name: "query", title: "Queries",
		about: fmt.Sprintf("A year of %d types through the HTTP handler, without a network: %s batches on SQLite; of a dimension of %s values, %s batches of 200 events; "+
			"on the MongoDB-wire server of the tests, in a process of its own, %d batches. The cores are shared by 16 clients at once.",
			queryTypes, number(float64(c.batches)), number(queryValues), number(dimensionBatches), mongoBatches),
		columns: queryColumns,
		fixture: writeLedgers,
	}
	for _, q := range queries {
		t.rows = append(t.rows, row{name: q.name, runs: 1, run: ask(ledgerName(c.batches), q.query)})
	}
	for _, top := range []struct{ name, query string }{{"", ""}, {", all types together", "&group=none"}, {", by months", "&interval=month"}} {
		t.rows = append(t.rows, row{name: "top 20 values of a dimension" + top.name, runs: 1, run: ask("dimension.db", "&group_by=test_id&top=20"+top.query)})
	}
	for _, q := range queries[:6] {
		t.rows = append(t.rows, row{name: "MongoDB: " + q.name, runs: 1, run: askMongo(q.query)})
	}
	return t
}

func ledgerName(batches int) string { return fmt.Sprintf("ledger-%d.db", batches) }

func writeLedgers(ctx context.Context, c *config, dir string) error {
	if err := writeLedger(ctx, dir+"/"+ledgerName(c.batches), c.batches, false); err != nil {
		return err
	}
	if err := writeLedger(ctx, dir+"/dimension.db", dimensionBatches, true); err != nil {
		return err
	}
	return writeMongoLedger(ctx, dir+"/"+mongoLedger)
}

// writeLedger completes batches in a new file, a second of its clock apart, and
// writes the moment between the first half and the others to path.middle.
func writeLedger(ctx context.Context, path string, batches int, dimension bool) error {
	clock := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	st, err := sqlitestore.Open(ctx, path, &sqlitestore.Options{Now: func() time.Time { return clock }})
	if err != nil {
		return err
	}
	defer st.Close() //nolint:errcheck // a failed Close shows when it is opened again
	for i := range batches {
		if i == batches/2 {
			if err := os.WriteFile(path+".middle", []byte(clock.Format(time.RFC3339)), 0o600); err != nil {
				return err
			}
		}
		clock = clock.Add(time.Second)
		if err := complete(ctx, st, i, dimension); err != nil {
			return err
		}
	}
	return nil
}

// complete makes a batch without events that counts on one day.
func complete(ctx context.Context, st store.Store, i int, dimension bool) error {
	id := fmt.Sprintf("0199d2f8-0000-7000-8000-%012d", i)
	w, err := st.Begin(ctx, id)
	if err != nil {
		return err
	}
	defer w.Abort(ctx) //nolint:errcheck // it is committed
	if _, err := w.Commit(ctx, store.Batch{Created: time.Now()}, nil); err != nil {
		return err
	}
	if err := st.Record(ctx, id, contribution(i, dimension)); err != nil {
		return err
	}
	return st.SetStatus(ctx, id, []store.Status{store.Uploaded}, store.Completed, "")
}

// contribution is of one day with all types: an event of each, or ten with
// different values of the dimension.
func contribution(i int, dimension bool) metrics.Contribution {
	o, events := &metrics.AggregatorOptions{Subject: "candidate_id"}, 1
	if dimension {
		o.Dimensions, events = []string{"test_id"}, 10
	}
	sum := metrics.NewAggregator(o)
	at := time.Date(2025, 1, 1, 0, 0, i*7919%86400, 0, time.UTC).AddDate(0, 0, i%queryDays)
	for k := range queryTypes {
		for j := range events {
			e := metrics.Event{Type: fmt.Sprintf("event_type_%d", k), Time: at, Fields: []metrics.Field{
				{Name: "candidate_id", Value: "C" + strconv.Itoa(i*20+k)}, {Name: "test_id", Value: "T" + strconv.Itoa((i*31+k*7+j*101)%queryValues)},
			}}
			_ = sum.Add(&e) // within its caps
		}
	}
	return sum.Contribution()
}

func ask(name, query string) func(context.Context, *meter) error {
	return func(ctx context.Context, m *meter) error {
		st, err := sqlitestore.Open(ctx, m.fixture(name), nil)
		if err != nil {
			return err
		}
		m.later(st.Close)
		middle, err := os.ReadFile(m.fixture(name) + ".middle")
		if err != nil {
			return err
		}
		moments := strings.NewReplacer("as_of=now", "as_of="+time.Now().UTC().Format(time.RFC3339), "as_of=middle", "as_of="+string(middle))
		return m.ask(st, moments.Replace(query))
	}
}

// writeMongoLedger completes batches on a server whose files are left in dir.
func writeMongoLedger(ctx context.Context, dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	m := &meter{dir: dir}
	st, server, err := m.openMongo(ctx, mongostore.Documents)
	if _, skip := errors.AsType[*skipError](err); skip {
		return nil // as each measurement will say
	}
	for i := 0; i < mongoBatches && err == nil; i++ {
		err = complete(ctx, st, i, false)
	}
	if err == nil {
		err = m.awaitFolded(ctx, st, server)
	}
	return errors.Join(err, m.close())
}

// awaitFolded waits until no entry of the ledger is left to be added to the sums
// of its days, which readers begin.
func (m *meter) awaitFolded(ctx context.Context, st store.Store, server *testenv.Server) error {
	journal, err := m.collection(server, "journal")
	if err != nil {
		return err
	}
	for {
		for _, err := range st.DayCounts(ctx, metrics.Filter{}) {
			if err != nil {
				return err
			}
		}
		left, err := journal.EstimatedDocumentCount(ctx)
		if err != nil || left == 0 {
			return err
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func askMongo(query string) func(context.Context, *meter) error {
	return func(ctx context.Context, m *meter) error {
		m.dir = m.fixture(mongoLedger)
		st, _, err := m.openMongo(ctx, mongostore.Documents)
		if err != nil {
			return err
		}
		return m.ask(st, query)
	}
}

// ask asks a query for some seconds by one client, and then by 16 at once.
func (m *meter) ask(st store.Store, query string) error {
	o := &eventmetrics.Options{QueryMemory: 4 << 30} // for 16 answers at once
	if strings.Contains(query, "group_by") {
		o.Dimensions = []string{"test_id"}
	}
	api, err := httpapi.New(eventmetrics.New(st, memqueue.New(nil), o), &httpapi.Options{Token: "t"})
	if err != nil {
		return err
	}
	size, err := get(api, year+query) // which fills what is kept in memory
	if err != nil {
		return err
	}
	if err := m.clients(api, year+query, 16); err != nil {
		return err
	}
	together := m.result["rate"]
	if err := m.clients(api, year+query, 1); err != nil {
		return err
	}
	m.result["together"], m.result["bytes"] = together/m.result["rate"], float64(size)
	return nil
}

// clients lets so many clients ask for up to 3 s, 300 times together at most.
func (m *meter) clients(api http.Handler, path string, n int) error {
	var all sync.WaitGroup
	var mu sync.Mutex
	var took []time.Duration
	var failed error
	begin := time.Now()
	err := m.time(1, func() error {
		for range n {
			all.Go(func() {
				for range 300 / n {
					start := time.Now()
					_, err := get(api, path)
					mu.Lock()
					took, failed = append(took, time.Since(start)), errors.Join(failed, err)
					mu.Unlock()
					if err != nil || time.Since(begin) > 3*time.Second {
						return
					}
				}
			})
		}
		all.Wait()
		return failed
	})
	m.result["rate"] *= float64(len(took))
	m.result["cpu"] /= float64(len(took))
	m.percentiles(took)
	return err
}

// get returns the size of an answer.
func get(api http.Handler, path string) (int, error) {
	req := httptest.NewRequestWithContext(context.Background(), http.MethodGet, path, nil)
	req.Header.Set("Authorization", "Bearer t")
	w := &counter{header: http.Header{}, status: http.StatusOK}
	api.ServeHTTP(w, req)
	if w.status != http.StatusOK {
		return 0, fmt.Errorf("%s: status %d", path, w.status)
	}
	return w.bytes, nil
}

// counter counts the bytes of an answer, which it does not keep.
type counter struct {
	header        http.Header
	status, bytes int
}

func (w *counter) Header() http.Header { return w.header }

func (w *counter) WriteHeader(status int) { w.status = status }

func (w *counter) Write(b []byte) (int, error) {
	w.bytes += len(b)
	return len(b), nil
}
