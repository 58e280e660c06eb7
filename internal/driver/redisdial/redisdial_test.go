package redisdial_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/eventmetrics/eventmetrics/internal/driver/redisdial"
)

// With a timeout. It checks the options, since the results of calls that a
// ratelimit.Fallback gave up cannot be seen.
func TestATimeoutBoundsAllTries(t *testing.T) {
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
		client, err := redisdial.Dial(url, time.Second)
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

func TestWithoutATimeoutTheURLHasIt(t *testing.T) {
	client, err := redisdial.Dial("redis://localhost?max_retries=5&dial_timeout=1m", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	o := client.(*redis.Client).Options()
	if o.MaxRetries != 5 || o.DialTimeout != time.Minute || !o.ContextTimeoutEnabled {
		t.Errorf("%d retries, %v to dial, heeds contexts: %t", o.MaxRetries, o.DialTimeout, o.ContextTimeoutEnabled)
	}
}
