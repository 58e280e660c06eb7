package redisqueue

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/eventmetrics/eventmetrics/internal/driver/redisdial"
	"github.com/eventmetrics/eventmetrics/queue"
)

// Errors of this queue, besides those of package queue.
var (
	// ErrClosed means that the queue was closed.
	ErrClosed = errors.New("redisqueue: closed")
	// ErrOwner means that the queue in Redis belongs to another deployment: it
	// has another Options.Owner.
	ErrOwner = errors.New("redisqueue: queue of another deployment")
	// ErrLeaseLost is the cause of the end of a job's context when another
	// consumer may have the job.
	ErrLeaseLost = errors.New("redisqueue: lease lost")
)

// lasting are parts of the errors that Redis would return again.
var lasting = []string{
	"WRONGTYPE", "NOPERM", "NOAUTH", "WRONGPASS", "CROSSSLOT", "LAYOUT", "OWNER",
	"nknown command", "nknown Redis command", "nknown subcommand",
	"Error compiling script", "invalid password", "invalid username-password", "DB index is out of range", "SELECT is not allowed in cluster mode",
}

// isLasting reports whether repeating the call would fail again. It looks for
// parts, since older versions of Redis wrap the errors of scripts.
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

// isFull reports whether Redis has no memory left, or no disk: it refuses writes
// when it cannot save them.
func isFull(err error) bool {
	var reply redis.Error
	if !errors.As(err, &reply) {
		return false
	}
	text := reply.Error()
	return strings.Contains(text, "OOM command not allowed") || strings.Contains(text, "MISCONF") && strings.Contains(text, "No space left")
}

// isReply reports whether err is an answer of Redis.
func isReply(err error) bool {
	var reply redis.Error
	return errors.As(err, &reply)
}

// explain returns the error for the caller of an error of a call.
func (q *Queue) explain(ctx context.Context, what string, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("redisqueue: %s: %w", what, ctx.Err())
	case isReply(err) && strings.Contains(err.Error(), "OWNER "):
		return fmt.Errorf("redisqueue: %s: %w: %w; use another database of Redis, or another name", what, ErrOwner, err)
	case redisdial.IsMoved(q.client, err):
		return fmt.Errorf("redisqueue: %s: the client knows one node of a Redis Cluster: use a client of clusters, or a URL with the parameter addr: %w", what, err)
	case isLasting(err):
		return fmt.Errorf("redisqueue: %s: %w", what, err)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return fmt.Errorf("redisqueue: %s: %w: %w of %v", what, queue.ErrUnavailable, errSlow, q.opts.CallTimeout)
	case isFull(err):
		return fmt.Errorf("redisqueue: %s: %w: %w", what, queue.ErrFull, err)
	default:
		return fmt.Errorf("redisqueue: %s: %w: %w", what, queue.ErrUnavailable, err)
	}
}
