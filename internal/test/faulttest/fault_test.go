package faulttest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/store/mongostore"
)

// fault is something that happens to a network now and again.
type fault struct {
	name   string
	rounds int
	hold   time.Duration // of each round
	begin  func(n *network, round int)
}

func faults() []fault {
	// Where connections are cut: within a header of a message, within a small
	// command, within the documents of an insert.
	offsets := []int64{3, 50, 700, 9_000, 60_000}
	return []fault{
		{"200 ms away", 1, 6 * time.Second, func(n *network, _ int) {
			n.poison("latency", requests, attributes{"latency": 100, "jitter": 50})
			n.poison("latency", replies, attributes{"latency": 100, "jitter": 50})
		}},
		{"cut in the middle of requests", len(offsets), 700 * time.Millisecond, func(n *network, round int) {
			n.poison("limit_data", requests, attributes{"bytes": offsets[round]})
		}},
		{"cut in the middle of replies", len(offsets), 700 * time.Millisecond, func(n *network, round int) {
			n.poison("limit_data", replies, attributes{"bytes": offsets[round]})
		}},
		{"reset", 4, time.Second, func(n *network, round int) {
			n.poison("reset_peer", []string{requests, replies}[round%2], attributes{"timeout": int64(20 * round)})
		}},
		{"half open", 2, patience * 3 / 2, func(n *network, round int) {
			n.poison("timeout", []string{requests, replies}[round%2], attributes{"timeout": 0})
		}},
	}
}

// TestLawsHoldOnABadNetwork has clients upload, process and query while the
// network to one backend fails again and again.
func TestLawsHoldOnABadNetwork(t *testing.T) {
	t.Parallel()
	var all sync.WaitGroup // side by side: they mostly wait
	places := make(chan struct{}, 4)
	for _, backend := range []string{"MongoDB", "Redis"} {
		for _, f := range faults() {
			all.Go(func() {
				places <- struct{}{}
				defer func() { <-places }()
				t.Run(backend+" is "+f.name, func(t *testing.T) {
					events := mongostore.Documents
					if backend == "MongoDB" {
						events = mongostore.Blocks
					}
					s := start(t, settings{events: events, retry: queue.Retry{MaxAttempts: 50, Base: 200 * time.Millisecond, Max: time.Second}})
					l := s.load()
					n := s.mongo
					if backend == "Redis" {
						n = s.redis
					}
					for round := range f.rounds {
						f.begin(n, round)
						<-time.After(f.hold)
						n.heal()
						<-time.After(500 * time.Millisecond)
					}
					files := l.end()
					s.recovered(files)
					t.Logf("%d files were accepted, %d answers were 503, %d queries were answered", len(files), l.refused, l.queries)
				})
			})
		}
	}
	all.Wait()
}

// load is the work of clients in the background.
type load struct {
	s       *system
	stopped chan struct{}
	clients sync.WaitGroup

	mu      sync.Mutex
	files   accepted
	sent    map[string]*file // by event type
	refused int
	queries int
}

// load starts two clients that upload and process, and one that queries.
func (s *system) load() *load {
	l := &load{s: s, stopped: make(chan struct{}), files: accepted{}, sent: map[string]*file{}}
	for client := range uint64(2) {
		l.clients.Go(func() {
			for i := uint64(0); i < 8 && l.goesOn(); i++ {
				l.send(newFile(client*1000+i, 200+50*int64(i%7)))
			}
		})
	}
	l.clients.Go(func() {
		for l.goesOn() {
			l.query()
		}
	})
	return l
}

// goesOn takes a breath.
func (l *load) goesOn() bool {
	select {
	case <-l.stopped:
		return false
	case <-time.After(200 * time.Millisecond):
		return true
	}
}

// end returns what was accepted when the clients have all their answers.
func (l *load) end() accepted {
	close(l.stopped)
	l.clients.Wait()
	return l.files
}

// send uploads a file until it is accepted and has it processed. Every other
// time the client leaves before the first answer.
func (l *load) send(f *file) {
	l.expect(f)
	if rand.N(2) == 0 {
		ctx, cancel := context.WithTimeout(l.s.t.Context(), rand.N(200*time.Millisecond))
		l.s.upload(ctx, f, bytes.NewReader(f.content))
		cancel()
	}
	id := l.s.accept(f)
	l.mu.Lock()
	l.files[id] = f
	l.mu.Unlock()
	l.s.process(id)
}

// expect makes query know a file that is about to be sent.
func (l *load) expect(f *file) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent[f.key] = f
}

// query checks that each file counts wholly or not at all.
func (l *load) query() {
	a, ok := l.s.do(l.s.t.Context(), "GET", "/metrics", "", nil)
	l.mu.Lock()
	defer l.mu.Unlock()
	if ok && a.status == http.StatusServiceUnavailable {
		l.refused++
	}
	if !ok || a.status != http.StatusOK {
		return
	}
	l.queries++
	for eventType, n := range counts(l.s.t, &a) {
		f := l.sent[eventType]
		if !strings.HasPrefix(eventType, "file-") {
			continue
		}
		var want int64
		for cell, n := range f.oracle.Counts {
			if cell.Type == eventType {
				want += n
			}
		}
		if n != want {
			l.s.t.Errorf("a query shows %d events of %s, want none or %d", n, eventType, want)
		}
	}
}

// counts are the numbers of events by type in an answer to GET /metrics.
func counts(t *testing.T, a *answer) map[string]int64 {
	var body struct {
		Data []struct {
			Metrics []struct {
				Type  string `json:"event_type"`
				Count int64  `json:"count"`
			} `json:"metrics"`
		} `json:"data"`
	}
	if err := json.Unmarshal(a.body, &body); err != nil {
		t.Errorf("answer to a query: %v: %.300s", err, a.body)
	}
	all := map[string]int64{}
	for _, day := range body.Data {
		for _, m := range day.Metrics {
			all[m.Type] += m.Count
		}
	}
	return all
}
