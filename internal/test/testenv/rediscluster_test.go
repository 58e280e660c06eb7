package testenv_test

import (
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
)

func TestAClusterGivesTheSlotsOfALostMasterToItsReplica(t *testing.T) {
	begin := time.Now()
	c := testenv.RedisCluster(t)
	t.Logf("formed after %v", time.Since(begin).Round(time.Millisecond))
	o, err := redis.ParseClusterURL(c.URL)
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClusterClient(o)
	defer client.Close()
	for i := range 3 {
		key := "{" + string(rune('a'+i)) + "}"
		if err := client.Set(t.Context(), key, "1", 0).Err(); err != nil {
			t.Error(err)
		}
	}
	first, err := c.Master("{a}")
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Kill(); err != nil {
		t.Fatal(err)
	}
	second := first
	begin = time.Now()
	for second == first || err != nil { // all slots are down meanwhile
		if time.Since(begin) > time.Minute {
			t.Fatal("the cluster does not fail over: ", err)
		}
		<-time.After(20 * time.Millisecond)
		second, err = c.Master("{a}")
	}
	t.Logf("the cluster failed over after %v", time.Since(begin).Round(time.Millisecond))
	if want := c.Nodes[slices.Index(c.Nodes, first)+3]; second != want {
		t.Errorf("%s has the slots of %s, want its replica %s", second.Addr, first.Addr, want.Addr)
	}
	if err := first.Restart(); err != nil {
		t.Error(err)
	}
}
