package redislimiter

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
)

func TestShortenedKeysAreLikeNoOther(t *testing.T) {
	long := strings.Repeat("k", maxKey)
	keys := []string{long, long + "a", long + "b", strings.Repeat("k", 1<<20)}
	seen := map[string]bool{}
	for _, key := range keys {
		for range 2 {
			key = shorten(key)
			if len(key) > maxKey+10 {
				t.Errorf("a shortened key has %d bytes", len(key))
			}
			if len(key) > maxKey && seen[key] {
				t.Errorf("%q stands for two keys", key)
			}
			seen[key] = true
		}
	}
}

// TestURLsDoNotMakeTheClientWaitOrRepeat looks at the options, because behind
// a Fallback nobody sees what becomes of the calls that it gave up.
func TestURLsDoNotMakeTheClientWaitOrRepeat(t *testing.T) {
	type options struct {
		honoursContext      bool
		dial, read, write   time.Duration
		retries, dialsInAll int
	}
	want := options{true, time.Second, time.Second, time.Second, -1, 1}
	const asked = "max_retries=5&dial_timeout=1m&read_timeout=0&write_timeout=1h"
	for _, url := range []string{
		"redis://localhost",
		"redis://localhost?" + asked,
		"redis://localhost?addr=localhost:1&" + asked,
		"unix:///run/redis.sock?" + asked,
		"redis://localhost?master_name=m&" + asked,
	} {
		client, err := dial(url)
		if err != nil {
			t.Fatal(err)
		}
		var got options
		switch c := client.(type) {
		case *redis.Client: // whose options have 0 for no retries
			o := c.Options()
			got = options{o.ContextTimeoutEnabled, o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.MaxRetries - 1, o.DialerRetries}
		case *redis.ClusterClient:
			o := c.Options()
			got = options{o.ContextTimeoutEnabled, o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.MaxRetries, o.DialerRetries}
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(options{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", url, diff)
		}
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	}
}
