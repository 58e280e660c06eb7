package redislimiter

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// scripts is the client of ulule's store. It corrects four points:
//
//   - The store loads its scripts when it is made. That fails while Redis, or any
//     shard of a Redis Cluster, is unavailable. This client loads nothing. If a
//     Redis does not have a script, because it is new, restarted or flushed, the
//     script is sent with the call.
//   - The store sets the expiry of a counter only when it makes the counter. A
//     counter that has no expiry any more would deny its client permanently. This
//     client sets a new one.
//   - The store returns the end of a window in whole seconds, rounded down. This
//     client takes the milliseconds from the answer of Redis.
//   - go-redis sends a command again if its answer was lost. That would count
//     twice, and wait for several timeouts if Redis hangs. This client sends each
//     command once.
type scripts struct {
	redis.UniversalClient

	period time.Duration     // how long a new counter lives
	text   map[string]string // by hash; complete when the store has been made
}

func newScripts(client redis.UniversalClient, period time.Duration) *scripts {
	return &scripts{UniversalClient: client, period: period, text: map[string]string{}}
}

// ScriptLoad keeps the script in memory.
func (s *scripts) ScriptLoad(ctx context.Context, script string) *redis.StringCmd {
	hash := redis.NewScript(script).Hash()
	if s.text[hash] == "" {
		s.text[hash] = script
	}
	cmd := redis.NewStringCmd(ctx)
	cmd.SetVal(hash)
	return cmd
}

// EvalSha runs a script that counts, and checks the expiry of its counter.
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
	if w, ok := ctx.Value(windowKey{}).(*window); ok {
		*w = window{keys[0], left}
	}
	return cmd
}

// once runs a script at most once.
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

// unrepeated is a command that the client does not send again.
type unrepeated struct{ *redis.Cmd }

// NoRetry implements redis.Cmder.
func (unrepeated) NoRetry() bool { return true }

// left returns the time until the expiry of a counter. A counter without expiry
// gets a new one. So does a counter with more than a window left, because the
// clock of Redis was set back or the window was longer before.
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

// giveBack uncounts a request of a window that ends within ARGV[1] ms and has
// room for ARGV[2]: a window that ends later is a new one. Denied requests are in
// the count too, and have no place to leave.
const giveBack = `
local left = redis.call("pttl", KEYS[1])
if left <= 0 or left > tonumber(ARGV[1]) then
	return 0
end
local n, limit = tonumber(redis.call("get", KEYS[1])), tonumber(ARGV[2])
if n <= 0 then
	return 0
end
return redis.call("decrby", KEYS[1], n - math.min(n, limit) + 1)
`

// window is the window in which a request was counted.
type window struct {
	key  string // of its counter
	left time.Duration
}

// windowKey is the key of the context value into which a call writes its window.
type windowKey struct{}

func withWindow(ctx context.Context) (context.Context, *window) {
	w := &window{}
	return context.WithValue(ctx, windowKey{}, w), w
}
