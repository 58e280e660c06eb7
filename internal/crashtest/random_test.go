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

	"github.com/eventmetrics/eventmetrics/store"
)

// randomScenario uploads and processes several files at a time, for ever.
const randomScenario = "random"

// files is the number of different files that are sent, each with a key of
// its own and again and again: each must count once.
const files = 12

// keepBusy is a server's day: uploads with and without an answer, processing,
// and cleanup, all at a time.
func (o *order) keepBusy(ctx context.Context) error {
	s, err := openStack(ctx, o.Dir, func(string) {})
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
					id, err := s.upload(ctx, sample(n), fmt.Sprintf("key-%d", n))
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
	rounds := 12
	if testing.Short() {
		rounds = 3
	}
	dir := t.TempDir()
	acknowledged := map[string]string{} // id by number of file
	for round := range rounds {
		wait := time.Duration(20+rand.N(400)) * time.Millisecond
		for _, line := range (&order{Dir: dir, Scenario: randomScenario}).runAndKill(t, wait) {
			n, id, _ := strings.Cut(line, " ")
			if before := acknowledged[n]; before != "" && before != id {
				t.Fatalf("round %d: file %s is batch %s and batch %s", round, n, before, id)
			}
			acknowledged[n] = id
		}
		s := mustOpen(t, dir)
		s.checkAcknowledged(t, acknowledged)
		s.mustClose(t)
		if t.Failed() {
			t.Fatalf("round %d, killed after %s", round, wait)
		}
	}
	t.Logf("%d of %d files were acknowledged", len(acknowledged), files)
	s := mustOpen(t, dir)
	defer s.mustClose(t)
	var all []*file
	for n := range uint64(files) {
		id := s.mustUpload(t, sample(n), fmt.Sprintf("key-%d", n))
		if err := s.processNow(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		s.checkEvents(t, id, sample(n))
		all = append(all, sample(n))
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
	s.settle(t)
	var counted []*file
	for _, b := range s.list(t) {
		var n uint64
		if _, err := fmt.Sscanf(b.IdempotencyKey, "key-%d", &n); err != nil {
			t.Fatal(err)
		}
		if b.Status == store.Completed {
			counted = append(counted, sample(n))
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
