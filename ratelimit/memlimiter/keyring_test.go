package memlimiter

import (
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// held counts the keys of both generations.
func (k *keyring) held() int {
	n := 0
	for _, m := range []*sync.Map{k.young, k.old} {
		m.Range(func(any, any) bool { n++; return true })
	}
	return n
}

func TestKeysAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var k keyring
		k.init(50, time.Hour)
		for i := range 10_000 {
			k.take(strconv.Itoa(i), 1)
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
				k.take(strconv.Itoa(c)+" "+strconv.Itoa(i), 1)
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
			k.take(strconv.Itoa(i), 1)
		}
		for range 2 {
			<-time.After(time.Minute)
			k.take("k", 1)
		}
		if n := k.held(); n != 2 {
			t.Errorf("%d keys are held, want the last one in both generations", n)
		}
	})
}
