package redisqueue

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"
)

//go:embed lua/*.lua
var files embed.FS

// scripts are the Lua scripts of the queue. Each begins with prelude.lua.
type scripts struct{ claim, enqueue, work, extend, exhume, dead, stats *redis.Script }

func newScripts() scripts {
	prelude := source("prelude")
	script := func(name string) *redis.Script { return redis.NewScript(prelude + source(name)) }
	return scripts{
		claim:   script("claim"),
		enqueue: script("enqueue"),
		work:    script("work"),
		extend:  script("extend"),
		exhume:  script("exhume"),
		dead:    script("dead"),
		stats:   script("stats"),
	}
}

func source(name string) string {
	text, err := files.ReadFile("lua/" + name + ".lua")
	if err != nil {
		panic(err) // the file is part of the package
	}
	return string(text) + "\n"
}

// keyNames returns the keys of a queue in the order of prelude.lua. The key of a
// receipt follows them.
func keyNames() []string {
	return []string{"layout", "jobs", "wait", "delay", "lease", "own", "att", "from", "err", "dead", "done", "wake", "clock"}
}

func (q *Queue) key(name string) string { return "{" + q.opts.Name + "}:" + name }

// eval runs a script with the keys of the queue and, if it has one, the name
// of the receipt.
func (q *Queue) eval(ctx context.Context, what string, s *redis.Script, receipt string, args ...any) (any, error) {
	return q.evalBy(ctx, q.opts.CallTimeout, what, s, receipt, args...)
}

func (q *Queue) evalBy(ctx context.Context, limit time.Duration, what string, s *redis.Script, receipt string, args ...any) (any, error) {
	keys, args := q.keys, append(slices.Clip(args), q.opts.Owner)
	if receipt != "" {
		keys = append(slices.Clip(keys), q.key("receipt:"+receipt))
	}
	return ask(ctx, q, limit, what, func(ctx context.Context) (any, error) {
		return s.Run(ctx, q.client, keys, args...).Result()
	})
}

// errSlow replaces the error of the limit of a call, which would look like the end
// of the caller's context.
var errSlow = errors.New("no answer in time")

// ask calls Redis. It returns when the limit has passed, even if the client does
// not honour contexts and the call continues.
func ask[V any](ctx context.Context, q *Queue, limit time.Duration, what string, call func(context.Context) (V, error)) (V, error) {
	var v V
	if err := ctx.Err(); err != nil {
		return v, fmt.Errorf("redisqueue: %s: %w", what, err)
	}
	bound, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var err error
	if q.heeds {
		v, err = call(bound)
	} else {
		v, err = abandonable(bound, q, call)
	}
	return v, q.explain(ctx, what, err)
}

func abandonable[V any](ctx context.Context, q *Queue, call func(context.Context) (V, error)) (V, error) {
	type outcome struct {
		v   V
		err error
	}
	ended := make(chan outcome, 1)
	q.calls.Go(func() {
		v, err := call(ctx)
		ended <- outcome{v, err}
	})
	select {
	case o := <-ended:
		return o.v, o.err
	case <-ctx.Done():
		var none V
		return none, ctx.Err()
	}
}

// heeds reports whether the client ends a call at the deadline of its context. A
// client of Sentinels does not while it asks them for the address.
func heeds(client redis.UniversalClient) bool {
	switch c := client.(type) {
	case *redis.Client:
		return c.Options().ContextTimeoutEnabled && c.Options().Addr != "FailoverClient"
	case *redis.ClusterClient:
		return c.Options().ContextTimeoutEnabled
	case *redis.Ring:
		return c.Options().ContextTimeoutEnabled
	default:
		return false
	}
}
