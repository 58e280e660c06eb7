package redislimiter

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// scripts is the client that ulule's store works with. It does what the store
// does not:
//
//   - The store loads its scripts when it is made, which fails while Redis is
//     down, and on Redis Cluster while any shard is. Here nothing is loaded: a
//     script that a Redis does not know, because it is new, restarted or
//     flushed, is sent to that one with the call.
//   - The store gives a counter its end when it makes it, and never again. A
//     counter that has lost it, or was left without one by something else,
//     would deny its client for ever. Here it is given a new end.
//   - The store tells the end in whole seconds, cut off. Here the milliseconds
//     are taken from the answer of Redis as it passes.
//   - Clients send a command again whose answer was lost, which would count
//     again, and make a hung Redis cost several timeouts. These are sent once.
type scripts struct {
	redis.UniversalClient

	period time.Duration     // how long a new counter lives
	text   map[string]string // by hash; complete when the store has been made
}

func newScripts(client redis.UniversalClient, period time.Duration) *scripts {
	return &scripts{UniversalClient: client, period: period, text: map[string]string{}}
}

// ScriptLoad keeps a script here.
func (s *scripts) ScriptLoad(ctx context.Context, script string) *redis.StringCmd {
	hash := redis.NewScript(script).Hash()
	if s.text[hash] == "" {
		s.text[hash] = script
	}
	cmd := redis.NewStringCmd(ctx)
	cmd.SetVal(hash)
	return cmd
}

// EvalSha runs a script that counts, and looks at the end of its counter.
func (s *scripts) EvalSha(ctx context.Context, hash string, keys []string, args ...any) *redis.Cmd {
	cmd := s.once(ctx, "evalsha", hash, keys, args)
	if redis.HasErrorPrefix(cmd.Err(), "NOSCRIPT") { // it did not run
		cmd = s.once(ctx, "eval", s.text[hash], keys, args)
	}
	if cmd.Err() != nil {
		return cmd
	}
	left, err := s.left(ctx, keys[0], cmd)
	if err != nil {
		cmd.SetErr(err)
		return cmd
	}
	if p, ok := ctx.Value(leftKey{}).(*time.Duration); ok {
		*p = left
	}
	return cmd
}

// once runs a script, if at all, once.
func (s *scripts) once(ctx context.Context, command, script string, keys []string, args []any) *redis.Cmd {
	words := []any{command, script, len(keys)}
	for _, key := range keys {
		words = append(words, key)
	}
	cmd := redis.NewCmd(ctx, append(words, args...)...)
	cmd.SetFirstKeyPos(3)
	_ = s.Process(ctx, unrepeated{cmd}) // its error is in cmd
	return cmd
}

// unrepeated is a command that no client sends again by itself.
type unrepeated struct{ *redis.Cmd }

// NoRetry implements redis.Cmder.
func (unrepeated) NoRetry() bool { return true }

// left returns how long a counter still lives. One that would live for ever,
// or, because the clock of Redis was set back or the window was longer once,
// for more than a window, gets a new window.
func (s *scripts) left(ctx context.Context, key string, counted *redis.Cmd) (time.Duration, error) {
	answer, err := counted.Int64Slice()
	if err != nil || len(answer) != 2 {
		return 0, fmt.Errorf("want count and time left, got %v", counted.Val())
	}
	left := time.Duration(answer[1]) * time.Millisecond
	if left >= 0 && left <= s.period {
		return left, nil
	}
	return s.period, s.PExpire(ctx, key, s.period).Err()
}

// leftKey is where the context of a call has the place for what is left of the
// window.
type leftKey struct{}

func withLeft(ctx context.Context) (context.Context, *time.Duration) {
	left := new(time.Duration)
	return context.WithValue(ctx, leftKey{}, left), left
}
