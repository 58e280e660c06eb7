package redisqueue

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/eventmetrics/eventmetrics/queue"
)

// listener waits for a wake-up when the pump asks it to.
type listener struct {
	own   string // the key that ends the wait
	asked bool   // the pump has asked and has no answer
	ask   chan struct{}
	heard chan heard
	quiet chan struct{} // closed when the consumer is ending
}

// heard is the end of a wait for a wake-up.
type heard struct {
	marker bool // it was taken, so no other consumer gets it
	err    error
}

func newListener(q *Queue) listener {
	return listener{own: q.key("wake:" + rand.Text()), ask: make(chan struct{}, 1), heard: make(chan heard, 1), quiet: make(chan struct{})}
}

func (c *consumer) listen(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.ask:
		}
		marker, err := c.awaitWake(ctx)
		if errors.Is(err, queue.ErrUnavailable) {
			c.q.unreachable(ctx, err)
			select {
			case <-time.After(time.Second):
			case <-c.quiet:
			}
		}
		c.heard <- heard{marker, err}
	}
}

// awaitWake waits for the marker, at most for poll, or until hush ends the wait.
func (c *consumer) awaitWake(ctx context.Context) (marker bool, err error) {
	shared := c.q.key("wake")
	return ask(ctx, c.q, poll+c.q.opts.CallTimeout, "wait for jobs", func(ctx context.Context) (bool, error) {
		found, err := c.q.client.BZPopMin(ctx, poll, shared, c.own).Result()
		if errors.Is(err, redis.Nil) {
			return false, nil
		}
		return err == nil && found.Key == shared, err
	})
}

// askForWake asks the listener to wait, unless it waits already.
func (c *consumer) askForWake() {
	if !c.asked {
		c.asked = true
		c.ask <- struct{}{}
	}
}

// hear makes the pump look for jobs after a wait, with or without a wake-up.
func (c *consumer) hear(ctx context.Context, h heard) error {
	c.asked = false
	c.look = true
	c.wakes = c.wakes || h.marker
	if h.err != nil && !errors.Is(h.err, queue.ErrUnavailable) && ctx.Err() == nil {
		return h.err
	}
	return nil
}

// hush ends the wait of the listener, so that this consumer takes no marker any
// more.
func (c *consumer) hush(ctx context.Context) {
	select {
	case <-c.quiet:
		return
	default:
		close(c.quiet)
	}
	if !c.asked {
		return
	}
	// If this fails, the wait ends after poll.
	_, _ = ask(context.WithoutCancel(ctx), c.q, c.q.opts.CallTimeout, "end wait for jobs", func(ctx context.Context) ([]redis.Cmder, error) {
		return c.q.client.Pipelined(ctx, func(p redis.Pipeliner) error {
			p.ZAdd(ctx, c.own, redis.Z{Member: "1"})
			p.PExpire(ctx, c.own, time.Minute)
			return nil
		})
	})
	h := <-c.heard
	c.asked = false
	c.wakes = c.wakes || h.marker
}
