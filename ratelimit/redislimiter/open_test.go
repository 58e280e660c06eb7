package redislimiter_test

import (
	"strings"
	"testing"

	"github.com/eventmetrics/eventmetrics/ratelimit/redislimiter"
)

func TestURLsThatAreTaken(t *testing.T) {
	for _, url := range []string{
		"redis://localhost",
		"redis://127.0.0.1:6379/3",
		"redis://[::1]:6379",
		"redis://:secret@192.0.2.1:6379", // no server answers: Open does not connect
		"rediss://user:p%23ss%2Fword@redis.invalid:6380/0?skip_verify=true",
		"redis://localhost?max_retries=5&dial_timeout=1m&pool_size=3&min_idle_conns=2",
		"unix:///run/redis.sock?db=1",
		"unix://user:secret@/run/redis.sock",
		"redis://:secret@192.0.2.1:6379?addr=192.0.2.2:6379&addr=192.0.2.3:6379",
		"redis://192.0.2.1:26379?addr=192.0.2.2:26379&master_name=main&username=user&password=secret",
	} {
		open(t, url, nil)
	}
}

func TestBadURLsAreRefusedAndNotCited(t *testing.T) {
	for _, url := range []string{
		"",
		"secret",
		":secret@localhost:6379",
		"secret:secret@localhost:6379",
		"http://:secret@localhost",
		"secret://localhost",
		"redis:secret@localhost:6379",
		"redis://",
		"redis://:secret@",
		"redis://:secret%zz@localhost",
		"redis://:sec ret@localhost",
		"redis://:secret/x@localhost",
		"redis://:12/secret@localhost",
		"redis://:12?secret@localhost",
		"redis://:12#secret@localhost",
		"redis://localhost:12#secret",
		"redis://:secret@localhost:port",
		"redis://:secret@localhost/secret",
		"redis://:secret@localhost/0/1",
		"redis://:secret@localhost/-1",
		"redis://:secret@localhost?db=secret",
		"redis://:secret@localhost?secret=1",
		"redis://:secret@localhost?read_timeout=secret",
		"redis://:secret@localhost?addr=secret",
		"redis://:secret@localhost?addr=localhost:1&db=secret",
		"redis://:secret@localhost?addr=localhost:1&secret=1",
		"redis://localhost?master_name=main&password=secret&db=secret",
		"redis://:secret@localhost/-1?master_name=main",
		"redis://localhost?pool_size=-5",
		"redis://localhost?pool_size=3000000000",
		"redis://localhost?max_active_conns=3000000000",
		"redis://localhost?addr=localhost:1&pool_size=-5",
		"redis://localhost?master_name=main&route_by_latency=true",
		"redis://localhost?master_name=main&route_randomly=true",
		"unix://secret",
	} {
		l, err := redislimiter.Open(url, nil)
		if err == nil || l != nil {
			t.Errorf("Open(%q) = %v, %v, want an error", url, l, err)
			continue
		}
		if strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "sec ret") {
			t.Errorf("the error of %q cites it: %v", url, err)
		}
	}
}

func FuzzOpen(f *testing.F) {
	f.Add("redis://:secret@localhost:6379/0")
	f.Add("rediss://a:b@[::1]:1?db=2")
	f.Add("unix:///x")
	f.Add("redis://localhost?addr=localhost:1&pool_size=2&max_active_conns=3")
	f.Add("redis://localhost?master_name=m&min_idle_conns=1&username=a&password=b")
	f.Fuzz(func(t *testing.T, url string) {
		l, err := redislimiter.Open(url, nil)
		if err == nil {
			_ = l.Close()
			return
		}
		if _, other := redislimiter.Open("", nil); err.Error() != other.Error() {
			t.Errorf("the error cites the URL: %v", err)
		}
	})
}
