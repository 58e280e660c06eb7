package testenv_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
)

func dial(t *testing.T, url string) *redis.Client {
	t.Helper()
	opts, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	opts.ContextTimeoutEnabled, opts.MaxRetries, opts.DialerRetries = true, -1, 1
	client := redis.NewClient(opts)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func set(t *testing.T, client *redis.Client, key string) {
	t.Helper()
	if err := client.Set(t.Context(), key, "1", 0).Err(); err != nil {
		t.Fatal(err)
	}
}

func kept(t *testing.T, client *redis.Client, key string) bool {
	t.Helper()
	n, err := client.Exists(t.Context(), key).Result()
	if err != nil {
		t.Fatal(err)
	}
	return n == 1
}

func TestRedisKeepsWhatItIsToldToOverKill(t *testing.T) {
	for name, tc := range map[string]struct {
		args []string
		want bool
	}{
		"nothing by default":     {nil, false},
		"what the file has":      {[]string{"--appendonly", "yes", "--appendfsync", "always"}, true},
		"and with a lazier sync": {[]string{"--appendonly", "yes", "--appendfsync", "everysec"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			server := testenv.Redis(t, tc.args...)
			client := dial(t, server.URL)
			set(t, client, "key")
			if err := server.Kill(); err != nil {
				t.Fatal(err)
			}
			if err := client.Ping(t.Context()).Err(); err == nil {
				t.Error("a killed server answers")
			}
			if err := server.Restart(); err != nil {
				t.Fatal(err)
			}
			if got := kept(t, client, "key"); got != tc.want {
				t.Errorf("key kept: %v, want %v", got, tc.want)
			}
		})
	}
}

func TestAPausedRedisHangs(t *testing.T) {
	server := testenv.Redis(t)
	client := dial(t, server.URL)
	set(t, client, "key")
	if err := server.Pause(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	err := client.Get(ctx, "key").Err()
	if timeout, ok := errors.AsType[net.Error](err); !ok || !timeout.Timeout() {
		t.Errorf("Get = %v, want a timeout", err)
	}
	if err := server.Resume(); err != nil {
		t.Fatal(err)
	}
	if !kept(t, client, "key") {
		t.Error("the key is gone")
	}
}

func TestAServerIsKilledWhilePaused(t *testing.T) {
	server := testenv.Redis(t)
	if err := server.Pause(); err != nil {
		t.Fatal(err)
	}
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	set(t, dial(t, server.URL), "key")
}

func TestRedisIsSharedUntilTheLastTestEnds(t *testing.T) {
	t.Setenv("REDIS_TEST_URL", "")
	var last string
	t.Run("while it is in use", func(t *testing.T) {
		last = testenv.RedisURL(t)
		t.Run("others get the same", func(t *testing.T) {
			if url := testenv.RedisURL(t); url != last {
				t.Errorf("got %s, want %s", url, last)
			}
		})
		set(t, dial(t, last), testenv.Name(t))
	})
	if last == "" {
		t.Skip("there is none")
	}
	if err := dial(t, last).Ping(t.Context()).Err(); err == nil {
		t.Error("it is still there")
	}
}

func TestARedisOfAnotherPlaceIsUsedAsItIs(t *testing.T) {
	const url = "rediss://user:secret@example.org:6380/3"
	t.Setenv("REDIS_TEST_URL", url)
	if got := testenv.RedisURL(t); got != url {
		t.Errorf("got %s", got)
	}
}

func TestRedisRefusesWhatItDoesNotUnderstand(t *testing.T) {
	_ = testenv.RedisURL(t) // skips where there is none
	if _, err := testenv.OpenRedis(t.TempDir(), "--no-such-option", "1"); err == nil || errors.Is(err, testenv.ErrMissing) {
		t.Errorf("OpenRedis = %v", err)
	}
}
