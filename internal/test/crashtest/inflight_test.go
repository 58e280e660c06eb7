package crashtest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/store"
)

// TestTheSameContentIsFreeSoonAfterAKill kills a process that uploads a file with
// dedupe, and sends the file again until it is taken: to a process that was started
// after the kill, and to one that was there before.
func TestTheSameContentIsFreeSoonAfterAKill(t *testing.T) {
	for _, k := range kinds() {
		for _, survives := range []bool{false, true} {
			name := k.name + "/started again"
			if survives {
				name = k.name + "/another process"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				p := k.empty(t)
				p.Rows = fewRows
				s := p.mustOpen(t)
				ids := []string{s.mustUpload(t, p.sample(1), "")}
				if !survives {
					s.mustClose(t)
				}
				p.killInFlight(t)
				killed := time.Now()
				if !survives {
					s = p.mustOpen(t)
				}
				defer s.mustClose(t)
				receipt := s.sendUntilTaken(t, p.sample(2))
				t.Logf("taken %s after the kill", time.Since(killed).Round(100*time.Millisecond))
				s.checkEvents(t, receipt.Batch.ID, p.sample(2))
				for _, id := range append(ids, receipt.Batch.ID) {
					if err := s.processNow(t.Context(), id); err != nil {
						t.Error(err)
					}
				}
				s.check(t, sum(p.sample(1), p.sample(2)))
				s.checkNothingLeft(t)
			})
		}
	}
}

// killInFlight kills a process before the first step of an upload with dedupe at
// which it has claims.
func (p *place) killInFlight(t *testing.T) {
	t.Helper()
	for step := int64(1); step <= maxSteps; step++ {
		o := order{place: *p, Scenario: "dedupe", Kill: step}
		if _, killed := o.run(t); !killed {
			break
		}
		s := p.mustOpen(t)
		receipt, err := s.dedupe(t.Context(), p.sample(2))
		if err == nil { // killed before it claimed anything
			err = s.DeleteBatch(t.Context(), receipt.Batch.ID)
		}
		s.mustClose(t)
		if errors.Is(err, eventmetrics.ErrInFlight) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("no kill leaves claims")
}

// sendUntilTaken sends a file until it is not in flight.
func (s *stack) sendUntilTaken(t *testing.T, f *file) eventmetrics.Receipt {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 4*store.ClaimTimeout) // on a machine that is busy
	defer cancel()
	for {
		receipt, err := s.dedupe(ctx, f)
		if err == nil {
			return receipt
		}
		if !errors.Is(err, eventmetrics.ErrInFlight) {
			t.Fatal(err)
		}
		time.Sleep(200 * time.Millisecond)
	}
}
