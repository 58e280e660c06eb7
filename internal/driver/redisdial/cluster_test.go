package redisdial_test

import (
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/eventmetrics/eventmetrics/internal/driver/redisdial"
	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
)

func TestAClusterIsFoundByAnyOfItsNodes(t *testing.T) {
	c, single := testenv.RedisCluster(t), testenv.Redis(t)
	first := c.Nodes[0]
	for url, want := range map[string]bool{
		first.URL:                           true,
		first.URL + "?protocol=2":           true, // in which HELLO answers a list
		first.URL + "0?pool_size=2":         true,
		first.URL + "?db=0":                 true,
		c.Nodes[5].URL:                      true, // a replica
		c.URL:                               false,
		single.URL:                          false,
		single.URL + "?protocol=2":          false,
		single.URL + "3":                    false,
		"redis://127.0.0.1:1":               false, // no server
		"unix:///nowhere/redis.sock":        false,
		"redis://127.0.0.1:1?master_name=m": false,
	} {
		got, found, err := redisdial.Cluster(t.Context(), url)
		if err != nil || found != want || !found && got != url {
			t.Errorf("Cluster(%s) is %s, %v, %v; want found %v", url, got, found, err, want)
		}
		if !found {
			continue
		}
		client, err := redisdial.Dial(got, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"a", "b", "c"} { // each on another master
			if err := client.Set(t.Context(), key, "1", 0).Err(); err != nil {
				t.Errorf("the client of %s, found by %s: %v", got, url, err)
			}
		}
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A cluster tells its clients nothing when a master is lost.
func TestAClientOfAClusterLooksForNewMastersEachSecond(t *testing.T) {
	client, err := redisdial.Dial("redis://localhost?addr=localhost:1", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if o := client.(*redis.ClusterClient).Options(); o.ClusterStateReloadInterval.Seconds() != 1 || o.DialTimeout.Seconds() != 1 || o.DialerRetries != 1 {
		t.Errorf("the state is loaded each %v, a node is dialled %d times for %v; want 1 s, and one time for 1 s", o.ClusterStateReloadInterval, o.DialerRetries, o.DialTimeout)
	}
	if _, err := redisdial.Dial("redis://localhost/3?addr=localhost:1", 0); err == nil {
		t.Error("a cluster has one database, and the URL of another is taken")
	}
}
