package memlimiter

import (
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ulule/limiter/v3/drivers/store/memory"
)

// held counts the keys of both generations.
func (k *keyring) held() int {
	n := 0
	for _, c := range []*memory.CacheWrapper{k.young, k.old} {
		c.Range(func(string, *memory.Counter) { n++ })
	}
	return n
}

func TestKeysAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var k keyring
		k.init(50, time.Hour)
		for i := range 10_000 {
			k.count(strconv.Itoa(i))
			if n := k.held(); n > 100 {
				t.Fatalf("after %d keys, %d are held, want at most 100", i+1, n)
			}
		}
	})
}

func TestKeysAreBoundedWithManyAtOnce(t *testing.T) {
	var k keyring
	k.init(50, time.Hour)
	const callers = 16
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for i := range 2000 {
				k.count(strconv.Itoa(c) + " " + strconv.Itoa(i))
			}
		})
	}
	wg.Wait()
	// Each caller may have seen room before another took it.
	if n := k.held(); n > 2*(50+callers) {
		t.Errorf("%d keys are held, want about 100", n)
	}
}

func TestKeysAreForgottenAfterTwoWindows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var k keyring
		k.init(1000, time.Minute)
		for i := range 500 {
			k.count(strconv.Itoa(i))
		}
		for range 2 {
			<-time.After(time.Minute)
			k.count("k")
		}
		if n := k.held(); n != 2 {
			t.Errorf("%d keys are held, want the last one in both generations", n)
		}
	})
}

func TestAClockThatIsSetBackBansNoClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var k keyring
		k.init(1000, time.Minute)
		future := &memory.Counter{}
		future.Increment(1000, time.Now().Add(time.Hour).UnixNano())
		k.young.Store("k", future)
		if n, left := k.count("k"); n != 1 || left != time.Minute {
			t.Errorf("count = %d, %v, want a new window", n, left)
		}
		if n, _ := k.count("k"); n != 2 {
			t.Errorf("count = %d, want 2", n)
		}
	})
}
