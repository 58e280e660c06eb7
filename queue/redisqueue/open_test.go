package redisqueue_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/queue/redisqueue"
)

func TestOpenRefusesABadURLWithoutCitingIt(t *testing.T) {
	for _, url := range []string{
		"",
		"localhost:6379",
		"http://:hunter2@localhost:6379",
		"redis:localhost:6379",
		"redis://:hunter2@localhost:port",
		"redis://:hunt#er2@localhost:6379",
		"redis://:hunter2@localhost:6379/zero",
		"redis://:hunter2@localhost:6379/-1",
		"redis://:hunter2@localhost:6379?colour=hunter2",
		"redis://:hunter2@localhost:6379?addr=hunter2",
		"redis://:hunter2@localhost:6379?master_name=m&colour=hunter2",
		"redis://:hunter2%@localhost:6379",
		"redis://:hunter2@localhost:6379?pool_size=-5", // at which the client would panic, as at the next
		"redis://:hunter2@localhost:6379?master_name=m&route_by_latency=true",
	} {
		_, err := redisqueue.Open(t.Context(), url, nil)
		if err == nil || errors.Is(err, queue.ErrUnavailable) || strings.Contains(err.Error(), "hunt") {
			t.Errorf("Open(%q): %v; want an error about the URL that does not cite it", url, err)
		}
	}
}

func TestOpenFailsWithoutRedis(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]string{
		"a server":  "redis://:hunter2@127.0.0.1:1",
		"a cluster": "redis://:hunter2@127.0.0.1:1?addr=127.0.0.1:2",
		"sentinels": "redis://:hunter2@127.0.0.1:1?master_name=m&password=hunter2",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := redisqueue.Open(t.Context(), at, &redisqueue.Options{CallTimeout: 300 * time.Millisecond})
			if !errors.Is(err, queue.ErrUnavailable) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("Open: %v; want ErrUnavailable without the password", err)
			}
		})
	}
}

func TestOpenSaysThatThePasswordIsWrong(t *testing.T) {
	s := testenv.Redis(t)
	if err := testenv.RedisClient(t, s.URL, nil).ConfigSet(t.Context(), "requirepass", "correct horse").Err(); err != nil {
		t.Fatal(err)
	}
	for name, password := range map[string]string{"wrong": "hunter2", "missing": ""} {
		t.Run(name, func(t *testing.T) {
			u := &url.URL{Scheme: "redis", Host: s.Addr}
			if password != "" {
				u.User = url.UserPassword("", password)
			}
			_, err := redisqueue.Open(t.Context(), u.String(), nil)
			if err == nil || errors.Is(err, queue.ErrUnavailable) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("Open: %v; want an error that is not ErrUnavailable and does not cite the password", err)
			}
		})
	}
	u := &url.URL{Scheme: "redis", Host: s.Addr, User: url.UserPassword("", "correct horse")}
	enqueue(t, open(t, u.String(), nil), jobs("test", 1)...)
}

func TestOpenWarnsOfEviction(t *testing.T) {
	for policy, want := range map[string]int{"noeviction": 0, "allkeys-lru": 1} {
		t.Run(policy, func(t *testing.T) {
			s := testenv.Redis(t, "--maxmemory-policy", policy)
			var log lines
			open(t, s.URL, &redisqueue.Options{Logger: log.logger()})
			if got := log.count("noeviction"); got != want {
				t.Errorf("the log warns %d times, want %d:\n%s", got, want, log.String())
			}
		})
	}
}

func TestNewRefusesABadName(t *testing.T) {
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
	defer client.Close()
	for _, name := range []string{"a b", "a{b", "a}b", "\n", "é", strings.Repeat("a", 101)} {
		if _, err := redisqueue.New(client, &redisqueue.Options{Name: name}); err == nil {
			t.Errorf("New with name %q returned no error", name)
		}
	}
	if _, err := redisqueue.New(client, nil); err != nil {
		t.Errorf("New without options and without Redis: %v", err)
	}
}
