package crashtest_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics/internal/test/site"
	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
	"github.com/eventmetrics/eventmetrics/store"
)

// randomScenario uploads and processes several files concurrently, until the
// process is killed.
const randomScenario = "random"

// files is the number of different files that are sent, each with a key of
// its own and again and again: each must count once.
const files = 12

// keepBusy does what a server does: uploads with and without an answer,
// processing and cleanup, concurrently.
func (o *order) keepBusy(ctx context.Context) error {
	s, err := o.open(ctx, func(string) {})
	if err != nil {
		return err
	}
	return s.working(ctx, func() error {
		fmt.Println("working")
		var clients sync.WaitGroup
		for range 3 {
			clients.Go(func() {
				for {
					n := rand.N[uint64](files)
					id, err := s.upload(ctx, s.sample(n), fmt.Sprintf("key-%d", n))
					if err != nil {
						continue // another client sends the same file
					}
					fmt.Println(n, id)
					_ = s.Process(ctx, id)
				}
			})
		}
		clients.Wait()
		return nil
	})
}

func TestKillAtRandom(t *testing.T) {
	for name, at := range map[string]func(t *testing.T) *place{
		"embedded": func(t *testing.T) *place { return &place{Site: site.Site{Dir: t.TempDir()}} },
		"mongo and redis": func(t *testing.T) *place {
			return &place{Site: site.Site{Mongo: testenv.Mongo(t), Blocks: true, Redis: testenv.RedisURL(t), Jobs: testenv.Name(t)}}
		},
	} {
		t.Run(name, func(t *testing.T) { killAtRandom(t, at(t)) })
	}
}

func killAtRandom(t *testing.T, p *place) {
	rounds := 12
	if testing.Short() {
		rounds = 3
	}
	acknowledged := map[string]string{} // id by number of file
	for round := range rounds {
		wait := time.Duration(20+rand.N(400)) * time.Millisecond
		for _, line := range (&order{place: *p, Scenario: randomScenario}).runAndKill(t, wait) {
			n, id, _ := strings.Cut(line, " ")
			if before := acknowledged[n]; before != "" && before != id {
				t.Fatalf("round %d: file %s is batch %s and batch %s", round, n, before, id)
			}
			acknowledged[n] = id
		}
		s := p.mustOpen(t)
		s.checkAcknowledged(t, acknowledged)
		s.mustClose(t)
		if t.Failed() {
			t.Fatalf("round %d, killed after %s", round, wait)
		}
	}
	t.Logf("%d of %d files were acknowledged", len(acknowledged), files)
	s := p.mustOpen(t)
	defer s.mustClose(t)
	var all []*file
	for n := range uint64(files) {
		id := s.mustUpload(t, s.sample(n), fmt.Sprintf("key-%d", n))
		if err := s.processNow(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		s.checkEvents(t, id, s.sample(n))
		all = append(all, s.sample(n))
	}
	s.check(t, sum(all...))
	s.checkNothingLeft(t)
}

// checkAcknowledged checks that what was answered is there, and that what
// counts is the sum of whole batches.
func (s *stack) checkAcknowledged(t *testing.T, acknowledged map[string]string) {
	t.Helper()
	for n, id := range acknowledged {
		if _, err := s.Batch(t.Context(), id); err != nil {
			t.Errorf("file %s was answered with batch %s: %v", n, id, err)
		}
	}
	s.waitIdle(t)
	var counted []*file
	for _, b := range s.list(t) {
		var n uint64
		if _, err := fmt.Sscanf(b.IdempotencyKey, "key-%d", &n); err != nil {
			t.Fatal(err)
		}
		if b.Status == store.Completed {
			counted = append(counted, s.sample(n))
		}
	}
	s.check(t, sum(counted...))
}

// runAndKill starts a child, kills it a while after it has begun to work, and
// returns the lines that it printed.
func (o *order) runAndKill(t *testing.T, wait time.Duration) []string {
	t.Helper()
	child := o.command(t)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		t.Fatalf("child does not work: %v", child.Wait())
	}
	timer := time.AfterFunc(wait, func() { _ = child.Process.Signal(syscall.SIGKILL) })
	defer timer.Stop()
	var printed []string
	for lines.Scan() {
		printed = append(printed, lines.Text())
	}
	_ = child.Wait() // it was killed
	return printed
}
