package crashtest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics/internal/test/eventgen"
	"github.com/eventmetrics/eventmetrics/internal/test/site"
	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

const (
	replicas = 3 // of each, API and workers
	clients  = 4
	// A client deletes its oldest file when it has more than these: the server
	// of the tests goes through all events to find those of one batch.
	filesEach = 8
)

// fleetTime is how long processes are killed: 20 s, or what the variable says.
func fleetTime(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("CRASHTEST_FLEET_TIME")
	switch {
	case text == "" && testing.Short():
		return 8 * time.Second
	case text == "":
		return 20 * time.Second
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// fleet is several processes on one store and queue, and what their clients
// know.
type fleet struct {
	t     *testing.T
	at    place
	ticks ticks

	mu      sync.Mutex
	members map[string][]*replica // by scenario
	kills   int
	files   map[uint64]*file // all that were ever sent
	counted map[uint64]bool  // those that are completed and not being deleted
	gone    map[uint64]bool  // those that were deleted
}

// TestSeveralProcessesAreKilledAtRandom runs for 20 s; for longer with, say,
// CRASHTEST_FLEET_TIME=60s.
func TestSeveralProcessesAreKilledAtRandom(t *testing.T) {
	f := &fleet{
		t: t, at: place{Site: site.Site{Mongo: testenv.Mongo(t), Redis: testenv.Redis(t).URL, Jobs: testenv.Name(t)}},
		ticks: ticks{runs: map[string][]*tickRun{}}, members: map[string][]*replica{},
		files: map[uint64]*file{}, counted: map[uint64]bool{}, gone: map[uint64]bool{},
	}
	defer f.killAll()
	for range replicas {
		for _, scenario := range []string{apiScenario, workerScenario} {
			if err := f.add(scenario); err != nil {
				t.Fatal(err)
			}
		}
	}
	f.runAndKill()
	if t.Failed() {
		return
	}
	f.finishTicks()
	for _, r := range f.members[workerScenario] {
		r.end()
	}
	f.ticks.check(t)
	f.checkEnd()
}

func (f *fleet) order(scenario string) *order { return &order{place: f.at, Scenario: scenario} }

func (f *fleet) add(scenario string) error {
	r, err := f.order(scenario).start(f.t, &f.ticks)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.members[scenario] = append(f.members[scenario], r)
	return nil
}

func (f *fleet) killAll() {
	for _, members := range f.members {
		for _, r := range members {
			r.kill(&f.ticks)
		}
	}
}

// runAndKill lets clients and killers loose for a while. The clients finish
// the files that they have begun.
func (f *fleet) runAndKill() {
	ctx, cancel := context.WithTimeout(f.t.Context(), fleetTime(f.t)+3*time.Minute)
	defer cancel()
	killing, stop := context.WithTimeout(ctx, fleetTime(f.t))
	defer stop()
	var all sync.WaitGroup
	try := func(what func(context.Context) error) {
		all.Go(func() {
			if err := what(ctx); err != nil {
				f.t.Error(err)
				cancel()
			}
		})
	}
	for i := range uint64(clients) {
		try(func(ctx context.Context) error { return f.keepSending(ctx, killing, i) })
	}
	for _, scenario := range []string{apiScenario, workerScenario} {
		try(func(context.Context) error { return f.killNowAndThen(killing, scenario) })
	}
	try(func(ctx context.Context) error {
		for {
			if err := f.checkAnswer(ctx); err != nil {
				return err
			}
			select {
			case <-killing.Done():
				return nil
			case <-time.After(100 * time.Millisecond):
			}
		}
	})
	all.Wait()
	f.t.Logf("%d processes killed, %d files sent, %d of them deleted", f.kills, len(f.files), len(f.gone))
}

// killNowAndThen kills a random process and starts another in its place.
func (f *fleet) killNowAndThen(ctx context.Context, scenario string) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Duration(200+rand.N(800)) * time.Millisecond):
		}
		f.mu.Lock()
		i := rand.N(replicas)
		members := f.members[scenario]
		victim := members[i]
		f.members[scenario] = append(append([]*replica{}, members[:i]...), members[i+1:]...)
		f.kills++
		f.mu.Unlock()
		victim.kill(&f.ticks)
		if err := f.add(scenario); err != nil {
			return err
		}
	}
}

// file makes the file of a number. It has a type of events of its own, by
// which it is known in a sum.
func (f *fleet) file(n uint64) *file {
	var b bytes.Buffer
	oracle, err := eventgen.Write(&b, &eventgen.Options{Seed: n, Rows: 20, Days: 2, Types: []string{ownType(n), "shared"}, Broken: 0.02})
	if err != nil {
		panic(err) // memory takes every write
	}
	made := &file{content: b.Bytes(), events: oracle.Accepted(), failed: oracle.Broken, counts: oracle.Counts}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.files[n] = made
	return made
}

func ownType(n uint64) string { return fmt.Sprintf("file-%d", n) }

// keepSending is what a client does: it sends its files one after the other
// and deletes old ones.
func (f *fleet) keepSending(ctx, until context.Context, n uint64) error {
	type sent struct {
		n  uint64
		id string
	}
	var mine []sent
	for ; until.Err() == nil; n += clients {
		id, err := f.send(ctx, n)
		if err != nil {
			return fmt.Errorf("send file %d: %w", n, err)
		}
		mine = append(mine, sent{n, id})
		if len(mine) <= filesEach {
			continue
		}
		if err := f.delete(ctx, mine[0].n, mine[0].id); err != nil {
			return fmt.Errorf("delete file %d: %w", mine[0].n, err)
		}
		mine = mine[1:]
	}
	return nil
}

// send uploads a file and has it processed, again as long as there is no
// answer. It counts once because of its key alone: the content of an upload
// whose server was killed is in flight for some seconds.
func (f *fleet) send(ctx context.Context, n uint64) (id string, err error) {
	content := f.file(n).content
	for status := ""; status != string(store.Completed); {
		if id == "" {
			a, err := f.ask(ctx, http.MethodPost, "/uploads?process=true&on_duplicate=allow&file_name=a.csv", content, fmt.Sprintf("key-%d", n))
			if err != nil {
				return "", err
			}
			if id = a.BatchID; id == "" {
				return "", fmt.Errorf("upload: %d %s", a.code, a.Detail)
			}
		}
		a, err := f.ask(ctx, http.MethodGet, "/batches/"+id, nil, "")
		switch status = a.Status.text; {
		case err != nil:
			return "", err
		case a.code == http.StatusNotFound: // cleaned up before it was queued
			id = ""
		case status == string(store.Uploaded) || status == string(store.Failed):
			if _, err := f.ask(ctx, http.MethodPost, "/batches/"+id+"/process", nil, ""); err != nil {
				return "", err
			}
		}
	}
	f.know(n, true, false)
	return id, nil
}

func (f *fleet) delete(ctx context.Context, n uint64, id string) error {
	f.know(n, false, false)
	a, err := f.ask(ctx, http.MethodDelete, "/batches/"+id, nil, "")
	if err != nil {
		return err
	}
	if a.code != http.StatusNoContent && a.code != http.StatusNotFound { // or an earlier try did it
		return fmt.Errorf("%d %s", a.code, a.Detail)
	}
	f.know(n, false, true)
	return nil
}

func (f *fleet) know(n uint64, counted, gone bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.counted[n], f.gone[n] = counted, gone
	if !counted {
		delete(f.counted, n)
	}
	if !gone {
		delete(f.gone, n)
	}
}

// answer has what is of interest in any answer.
type answer struct {
	code    int
	BatchID string `json:"batch_id"`
	Status  status `json:"status"`
	Detail  string `json:"detail"`
	Data    []struct {
		Date    string `json:"date"`
		Metrics []struct {
			Type  string `json:"event_type"`
			Count int64  `json:"count"`
		} `json:"metrics"`
	} `json:"data"`
}

// status is that of a batch; in a problem it is a number.
type status struct{ text string }

func (s *status) UnmarshalJSON(b []byte) error {
	if b[0] == '"' {
		return json.Unmarshal(b, &s.text)
	}
	return nil
}

// ask asks any process until one answers for good.
func (f *fleet) ask(ctx context.Context, method, path string, body []byte, key string) (*answer, error) {
	for {
		f.mu.Lock()
		members := f.members[apiScenario]
		url := members[rand.N(len(members))].first
		f.mu.Unlock()
		a, err := request(ctx, method, url+path, body, key)
		busy := err == nil && (a.code == http.StatusServiceUnavailable || a.code == http.StatusConflict)
		if err == nil && !busy || ctx.Err() != nil {
			return a, errors.Join(err, ctx.Err())
		}
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func request(ctx context.Context, method, url string, body []byte, key string) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	a := &answer{}
	r, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return a, err
	}
	r.Header.Set("Content-Type", "text/csv")
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		return a, err
	}
	defer func() { _ = got.Body.Close() }()
	text, err := io.ReadAll(got.Body)
	if err != nil {
		return a, err
	}
	a.code = got.StatusCode
	if len(text) == 0 {
		return a, nil
	}
	return a, json.Unmarshal(text, a)
}

// checkAnswer checks that an answer is the sum of whole files, with all that
// counted before the question and none that was gone.
func (f *fleet) checkAnswer(ctx context.Context) error {
	f.mu.Lock()
	counted, gone := maps.Clone(f.counted), maps.Clone(f.gone)
	f.mu.Unlock()
	a, err := f.ask(ctx, http.MethodGet, "/metrics", nil, "")
	if err != nil {
		return err
	}
	if a.code != http.StatusOK && a.code != http.StatusNotFound {
		return fmt.Errorf("metrics: %d %s", a.code, a.Detail)
	}
	got, err := a.counts()
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	var parts []*file
	for n, file := range f.files {
		seen := false
		for cell := range file.counts {
			seen = seen || cell.Type == ownType(n) && got[cell] > 0
		}
		if seen {
			parts = append(parts, file)
		}
		if seen && gone[n] || !seen && counted[n] && f.counted[n] {
			return fmt.Errorf("file %d: counts %v, was deleted %v", n, seen, gone[n])
		}
	}
	if d := cmp.Diff(sum(parts...), got); d != "" {
		return fmt.Errorf("an answer is not the sum of whole files (-want +got):\n%s", d)
	}
	return nil
}

func (a *answer) counts() (counts, error) {
	all := counts{}
	for _, day := range a.Data {
		d, err := metrics.ParseDay(day.Date)
		if err != nil {
			return nil, err
		}
		for _, m := range day.Metrics {
			all[eventgen.Cell{Day: d, Type: m.Type}] = m.Count
		}
	}
	return all, nil
}

// finishTicks waits until the workers, killed no more, have done what others
// have begun. There are always newer ticks.
func (f *fleet) finishTicks() {
	deadline := time.After(5 * time.Minute)
	begun := f.ticks.open(nil)
	for open := begun; len(open) > 0; open = f.ticks.open(begun) {
		select {
		case <-deadline:
			f.t.Fatalf("these were never done: %v", open)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// checkEnd checks the data after all processes have ended.
func (f *fleet) checkEnd() {
	s := f.at.mustOpen(f.t)
	defer s.mustClose(f.t)
	var left []*file
	for n := range f.counted {
		left = append(left, f.files[n])
	}
	s.check(f.t, sum(left...))
	s.checkNothingLeft(f.t)
	s.check(f.t, sum(left...))
	completed := 0
	for q := (store.BatchQuery{Limit: store.MaxLimit}); ; {
		page, err := s.Batches(f.t.Context(), q)
		if err != nil {
			f.t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		for _, b := range page {
			if b.Status == store.Completed {
				completed++
			} else {
				f.t.Errorf("batch of %s is %s: %s", b.IdempotencyKey, b.Status, b.LastError)
			}
			q.After = b.ID
		}
	}
	if completed != len(left) {
		f.t.Errorf("%d batches, want %d", completed, len(left))
	}
	if stats, err := s.queue.Stats(f.t.Context()); err != nil || stats.Dead > 0 {
		f.t.Errorf("dead jobs: %+v, %v", stats, err)
	}
}
