package heartbeat_test

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/internal/heartbeat"
)

// uploads are what processes share.
type uploads struct {
	mu    sync.Mutex
	beats map[string]int64
	down  bool
}

func (u *uploads) pulse(_ context.Context, own []string) (map[string]int64, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.down {
		return nil, errors.New("down")
	}
	for _, k := range own {
		if _, ok := u.beats[k]; ok {
			u.beats[k]++
		}
	}
	return maps.Clone(u.beats), nil
}

func (u *uploads) change(f func()) {
	u.mu.Lock()
	defer u.mu.Unlock()
	f()
}

func (u *uploads) beatOfA() int64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.beats["a"]
}

func (u *uploads) start(t *testing.T) *heartbeat.Heart[string] {
	h := heartbeat.Start(heartbeat.Options[string]{Pulse: u.pulse, Log: slog.New(slog.DiscardHandler)})
	t.Cleanup(h.Stop)
	return h
}

func TestAnUploadIsLostInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &uploads{beats: map[string]int64{"a": 1}}
		owner, other := u.start(t), u.start(t)
		owner.Add("a")
		time.Sleep(time.Hour)
		if other.Lost("a", u.beatOfA()) {
			t.Error("an upload that makes no call for an hour is lost")
		}
		owner.Stop() // as its process is killed
		last := time.Now()
		for !other.Lost("a", u.beatOfA()) {
			time.Sleep(100 * time.Millisecond)
		}
		if d := time.Since(last); d < 3*heartbeat.Every || d > store.ClaimTimeout-time.Second {
			t.Errorf("it was lost after %s", d)
		}
		late := u.start(t) // as the process is started again
		begun := time.Now()
		for !late.Lost("a", u.beatOfA()) {
			time.Sleep(100 * time.Millisecond)
		}
		if d := time.Since(begun); d > store.ClaimTimeout-time.Second {
			t.Errorf("after a start it was lost after %s", d)
		}
		if other.Lost("a", u.beatOfA()+1) || owner.Lost("a", u.beatOfA()) || other.Lost("b", 0) {
			t.Error("an upload with another beat, an own one, or an unknown one is lost")
		}
	})
}

func TestAnOutageMakesNoUploadLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &uploads{beats: map[string]int64{"a": 1}}
		owner, other := u.start(t), u.start(t)
		owner.Add("a")
		for range 50 {
			u.change(func() { u.down = true })
			time.Sleep(time.Minute)
			u.change(func() { u.down = false })
			for range 100 {
				if other.Lost("a", u.beatOfA()) {
					t.Fatal("an upload is lost after an outage")
				}
				time.Sleep(50 * time.Millisecond)
			}
		}
	})
}

func TestAnOwnUploadThatIsNotThereIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &uploads{beats: map[string]int64{"a": 1, "b": 1}}
		h := u.start(t)
		h.Add("a")
		h.Add("b")
		u.change(func() { delete(u.beats, "a") })
		time.Sleep(2 * heartbeat.Every)
		if !h.Gone("a") || h.Gone("b") {
			t.Errorf("gone: %t %t", h.Gone("a"), h.Gone("b"))
		}
		h.Remove("a")
		if h.Gone("a") {
			t.Error("an upload that has ended is gone")
		}
	})
}
