package redisqueue

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/eventmetrics/eventmetrics/queue"
)

// Errors of this queue, besides those of package queue.
var (
	// ErrClosed means that the queue was closed.
	ErrClosed = errors.New("redisqueue: closed")
	// ErrLeaseLost is the cause of the end of a job's context when the job is
	// no longer this consumer's.
	ErrLeaseLost = errors.New("redisqueue: lease lost")
)

// lasting are what Redis says when it will say the same the next time.
var lasting = []string{
	"WRONGTYPE", "NOPERM", "NOAUTH", "WRONGPASS", "CROSSSLOT", "LAYOUT",
	"nknown command", "nknown Redis command", "nknown subcommand",
	"Error compiling script", "invalid password", "invalid username-password", "DB index is out of range",
}

// isLasting reports whether it is of no use to ask again. Older versions of
// Redis wrap what happens in a script, hence Contains.
func isLasting(err error) bool {
	if errors.Is(err, redis.ErrClosed) {
		return true
	}
	var reply redis.Error
	if !errors.As(err, &reply) {
		return false
	}
	for _, word := range lasting {
		if strings.Contains(reply.Error(), word) {
			return true
		}
	}
	return false
}

// isReply reports whether Redis has answered, if with an error.
func isReply(err error) bool {
	var reply redis.Error
	return errors.As(err, &reply)
}

// explain says what an error of a call means to the caller.
func (q *Queue) explain(ctx context.Context, what string, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("redisqueue: %s: %w", what, ctx.Err())
	case isLasting(err):
		return fmt.Errorf("redisqueue: %s: %w", what, err)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return fmt.Errorf("redisqueue: %s: %w: %w of %v", what, queue.ErrUnavailable, errSlow, q.opts.CallTimeout)
	default:
		return fmt.Errorf("redisqueue: %s: %w: %w", what, queue.ErrUnavailable, err)
	}
}
