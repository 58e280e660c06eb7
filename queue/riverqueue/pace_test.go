package riverqueue

import (
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/riverqueue/river/riverdriver"

	"github.com/eventmetrics/eventmetrics/queue"
)

// looks counts how often a pace lets a tick look, in a time without any jobs.
func looks(p *pace, d time.Duration) (n int) {
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(fetchInterval) {
		if p.due() {
			p.looked(0)
			n++
		}
	}
	return n
}

func TestAnIdleQueueIsLookedAtRarely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pace{news: &news{}}
		if n := looks(&p, 10*time.Second); n < 5 || n > 10 {
			t.Errorf("%d looks in the first 10 s", n)
		}
		if n := looks(&p, time.Minute); n < 25 || n > 30 {
			t.Errorf("%d looks in a minute, want one each %v", n, slowest)
		}
	})
}

func TestWhatChangesIsLookedForAtTheNextTick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pace{news: &news{}}
		looks(&p, time.Minute)
		done := p.news.changing()
		for range 3 { // as long as the change is under way
			if !p.due() {
				t.Error("no look while jobs are added")
			}
			p.looked(0)
		}
		done()
		if !p.due() {
			t.Error("no look after jobs were added")
		}
		p.looked(3)
		if !p.due() {
			t.Error("no look after a look that found jobs")
		}
		p.looked(0)
		if p.due() {
			t.Error("a look at once after one that found nothing")
		}
	})
}

func TestADelayedJobIsLookedForAtItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pace{news: &news{}}
		looks(&p, time.Minute)
		p.expect(time.Now().Add(3 * time.Second))
		if n := looks(&p, 3*time.Second); n < 25 {
			t.Errorf("%d looks in the 3 s before the time of a job", n)
		}
		p.expect(time.Now().Add(time.Hour))
		looks(&p, time.Minute)
		if n := looks(&p, 10*time.Second); n > 6 {
			t.Errorf("%d looks in 10 s although the job is delayed by an hour", n)
		}
	})
}

// River's scheduler looks 5 s ahead, in a transaction.
func TestRiverMakesNoJobAvailableEarly(t *testing.T) {
	q, err := Open(t.Context(), filepath.Join(t.TempDir(), "queue.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	if err := q.Enqueue(t.Context(), queue.Job{Kind: "test", ID: "1", RunAt: time.Now().Add(time.Minute)}); err != nil {
		t.Fatal(err)
	}
	driver := counted{q.driver, newHoldings("test", q.opts.Logger), &pace{news: &q.news}, &q.promotion}
	tx, err := driver.GetExecutor().Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(t.Context())
	ahead := time.Now().Add(time.Hour)
	if _, err := tx.JobSchedule(t.Context(), &riverdriver.JobScheduleParams{Max: 10, Now: &ahead}); err != nil {
		t.Fatal(err)
	}
	var state string
	if err := driver.UnwrapTx(tx).QueryRowContext(t.Context(), "SELECT state FROM river_job").Scan(&state); err != nil || state != "scheduled" {
		t.Errorf("the job is %q, %v; want scheduled", state, err)
	}
}
