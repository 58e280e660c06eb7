// Package heartbeat tells the Writers of living processes from those of lost
// ones. Each process changes a mark in the unfinished uploads of its own Writers
// every few seconds, their beat, and looks at the beats of all. An upload whose
// beat was the same in several looks is that of a lost process. So no clock is
// compared with that of another process, and none need be right.
package heartbeat

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"
)

const (
	// Every is the default of Options.Every. With it, an upload is lost 10 to
	// 13 s after its last beat, which is within store.ClaimTimeout.
	Every = 2500 * time.Millisecond
	// missed is the number of looks in which the beat of a lost upload has not
	// changed. A process that is as slow as that loses its uploads.
	missed = 4
)

// Options say how a Heart works. Pulse is required.
type Options[K comparable] struct {
	// Every is the pause between two pulses; 0 means the constant Every.
	Every time.Duration
	// Pulse changes the beats of the uploads own, and then returns the beats of
	// all unfinished uploads. Its context ends after twice Every.
	Pulse func(ctx context.Context, own []K) (map[K]int64, error)
	// Log gets a warning when the beats of own uploads cannot be changed.
	Log *slog.Logger
}

// Heart keeps the uploads of one process alive and knows which others are not.
// K is the key of an upload, which no other upload ever has. It is safe for
// concurrent use.
type Heart[K comparable] struct {
	opts Options[K]
	stop context.CancelFunc
	done chan struct{}

	mu   sync.Mutex
	own  map[K]bool // whether it is gone
	seen map[K]sighting
}

// sighting is what was seen of an upload in the last look.
type sighting struct {
	beat int64
	same int // the looks before in which it was the same
}

// Start starts a goroutine that pulses, at once and then again and again, until
// Stop is called.
func Start[K comparable](opts Options[K]) *Heart[K] {
	if opts.Every <= 0 {
		opts.Every = Every
	}
	ctx, stop := context.WithCancel(context.Background())
	h := &Heart[K]{opts: opts, stop: stop, done: make(chan struct{}), own: map[K]bool{}, seen: map[K]sighting{}}
	go h.run(ctx)
	return h
}

// Stop ends the pulses and waits for the one that is under way. It is safe to
// repeat.
func (h *Heart[K]) Stop() {
	h.stop()
	<-h.done
}

func (h *Heart[K]) run(ctx context.Context) {
	defer close(h.done)
	for failed := false; ; {
		err := h.Pulse(ctx)
		if err != nil && !failed && ctx.Err() == nil && h.beats() {
			h.opts.Log.Warn("keeping uploads alive failed, retrying", "err", err)
		}
		failed = err != nil
		select { // the pause between two looks is never shorter
		case <-ctx.Done():
			return
		case <-time.After(h.opts.Every):
		}
	}
}

// Pulse shows that the own uploads are alive, and looks at all.
func (h *Heart[K]) Pulse(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*h.opts.Every)
	defer cancel()
	h.mu.Lock()
	own := slices.Collect(maps.Keys(h.own))
	h.mu.Unlock()
	beats, err := h.opts.Pulse(ctx, own)
	if err != nil {
		return err
	}
	h.look(own, beats)
	return nil
}

// look compares the beats of all uploads with those that were seen before.
func (h *Heart[K]) look(own []K, beats map[K]int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, k := range own {
		if _, mine := h.own[k]; mine {
			_, there := beats[k]
			h.own[k] = !there
		}
	}
	seen := make(map[K]sighting, len(beats))
	for k, beat := range beats {
		now := sighting{beat: beat}
		if before, ok := h.seen[k]; ok && before.beat == beat {
			now.same = before.same + 1
		}
		seen[k] = now
	}
	h.seen = seen
}

func (h *Heart[K]) beats() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.own) > 0
}

// Add keeps an upload of this process alive until Remove is called.
func (h *Heart[K]) Add(k K) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.own[k] = false
}

// Remove ends the beats of an upload.
func (h *Heart[K]) Remove(k K) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.own, k)
}

// Gone reports whether an upload of this process was not there in the last look:
// it was pruned, or another process has taken it.
func (h *Heart[K]) Gone(k K) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.own[k]
}

// Lost reports whether an upload that has a beat now is that of a lost process.
// Before it is taken, compare its beat again, in one step with taking it.
func (h *Heart[K]) Lost(k K, beat int64) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, mine := h.own[k]; mine {
		return false
	}
	s, ok := h.seen[k]
	return ok && s.beat == beat && s.same >= missed
}
