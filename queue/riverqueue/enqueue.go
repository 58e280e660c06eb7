package riverqueue

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/eventmetrics/eventmetrics/queue"
)

// chunk is the greatest number of jobs in one transaction, so that no other
// writer waits long.
const chunk = 1000

// args are the arguments of a River job. Kind and id are unique together.
type args struct {
	JobKind  string `json:"kind" river:"unique"`
	ID       string `json:"id" river:"unique"`
	Metadata string `json:"origin,omitempty"`
}

// job returns the job of the arguments.
func (a args) job(attempt, most int) queue.Job {
	return queue.Job{Kind: a.JobKind, ID: a.ID, Metadata: a.Metadata, Attempt: attempt, MaxAttempts: most}
}

// Kind implements [river.JobArgs].
func (args) Kind() string { return Kind }

// Enqueue implements [queue.Queue]. Jobs are added in transactions of 1,000.
func (q *Queue) Enqueue(ctx context.Context, jobs ...queue.Job) error {
	params, err := q.params(jobs)
	if err != nil {
		return err
	}
	defer q.news.changing()()
	client := q.waker()
	for part := range slices.Chunk(params, chunk) {
		if err := q.insert(ctx, client, part); err != nil {
			return explain(ctx, "enqueue", err)
		}
	}
	return nil
}

// params returns an insert per distinct job.
func (q *Queue) params(jobs []queue.Job) ([]river.InsertManyParams, error) {
	params := make([]river.InsertManyParams, 0, len(jobs))
	seen := make(map[string]bool, len(jobs))
	for _, j := range jobs {
		if err := j.Validate(); err != nil {
			return nil, err
		}
		if seen[j.Key()] {
			continue // River refuses a statement with the same pair twice
		}
		seen[j.Key()] = true
		a := args{JobKind: j.Kind, ID: j.ID, Metadata: j.Metadata}
		params = append(params, river.InsertManyParams{Args: a, InsertOpts: q.insertOpts(j.RunAt)})
	}
	return params, nil
}

func (q *Queue) insertOpts(runAt time.Time) *river.InsertOpts {
	o := &river.InsertOpts{
		Queue:       q.opts.Name,
		MaxAttempts: q.opts.Retry.Attempts(),
		UniqueOpts:  river.UniqueOpts{ByArgs: true, ByQueue: true, ByState: rivertype.JobStates()},
	}
	if time.Until(runAt) > 0 {
		o.ScheduledAt = notBefore(runAt)
		q.promotion.expect(o.ScheduledAt)
	}
	return o
}

// notBefore returns the time to give River so that a job does not run before t.
// River rounds times, and the clock that it compares them with, to the nearest
// millisecond.
func notBefore(t time.Time) time.Time {
	return t.Truncate(time.Millisecond).Add(2 * time.Millisecond)
}

func (q *Queue) insert(ctx context.Context, client *river.Client[*sql.Tx], params []river.InsertManyParams) error {
	results, err := client.InsertMany(ctx, params)
	if err != nil {
		return err
	}
	var again []river.InsertManyParams
	for i, r := range results {
		if !r.UniqueSkippedAsDuplicate || !q.expired(r.Job) {
			continue
		}
		if _, err := client.JobDelete(ctx, r.Job.ID); err != nil && !errors.Is(err, river.ErrNotFound) {
			return err
		}
		again = append(again, params[i])
	}
	if len(again) == 0 {
		return nil
	}
	_, err = client.InsertMany(ctx, again)
	return err
}

// expired reports whether a job was completed before the done window, but River's
// cleaner has not removed it yet.
func (q *Queue) expired(row *rivertype.JobRow) bool {
	return row.State == rivertype.JobStateCompleted && row.FinalizedAt != nil && time.Since(*row.FinalizedAt) > q.opts.DoneWindow
}

// waker returns the client of a consumer, which fetches jobs as soon as it has
// added some. Consumers take turns.
func (q *Queue) waker() *river.Client[*sql.Tx] {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.consumers) == 0 {
		return q.idle
	}
	q.turn++
	return q.consumers[q.turn%len(q.consumers)].wake()
}
