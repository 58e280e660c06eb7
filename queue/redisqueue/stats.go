package redisqueue

import (
	"context"
	"time"

	"github.com/eventmetrics/eventmetrics/queue"
)

// Stats implements [queue.Queue]. A job of a lost process counts as running until
// another consumer takes it.
func (q *Queue) Stats(ctx context.Context) (queue.Stats, error) {
	answer, err := q.eval(ctx, "count jobs", q.script.stats, "")
	if err != nil {
		return queue.Stats{}, err
	}
	n, err := numbers(answer, 5)
	if err != nil {
		return queue.Stats{}, err
	}
	return queue.Stats{
		Waiting:       n[0],
		Delayed:       n[1],
		Running:       n[2],
		Dead:          n[3],
		OldestWaiting: time.Duration(n[4]) * time.Millisecond,
	}, nil
}
