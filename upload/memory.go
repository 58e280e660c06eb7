package upload

import (
	"context"
	"unsafe"

	"github.com/eventmetrics/eventmetrics/budget"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

// baseMemory is what an upload takes of Options.Memory to begin with: for the
// reader, and for what a store holds of blocks.
const baseMemory = 8 << 20

// acquire takes what an upload needs to begin with. Errors: budget.ErrBusy,
// *budget.ExceededError, that of ctx.
func (u *Uploader) acquire(ctx context.Context, f *File) (*budget.Hold, error) {
	return u.opts.Memory.Acquire(ctx, baseMemory+max(f.BodyMemory, 0))
}

// fingerprintBytes is the size of a fingerprint.
const fingerprintBytes = int64(len(store.Fingerprint{}))

// memory follows how much an upload needs.
type memory struct {
	hold *budget.Hold
	base int64
}

func newMemory(hold *budget.Hold) memory { return memory{hold: hold, base: hold.Bytes()} }

// require takes more of the budget if that is needed for n bytes beside the
// base. Errors: budget.ErrBusy, *budget.ExceededError, that of ctx.
func (m *memory) require(ctx context.Context, n int64) error {
	return m.hold.GrowTo(ctx, m.base+n)
}

// bytes returns about how much memory the chunk takes, with the text that its
// events refer to.
func (c *chunk) bytes() int64 {
	c.room = 0
	for i := range c.events {
		c.room += cap(c.events[i].Fields)
	}
	return int64(cap(c.events))*int64(unsafe.Sizeof(metrics.Event{})) +
		int64(c.room)*int64(unsafe.Sizeof(metrics.Field{})) +
		int64(cap(c.fingerprints))*fingerprintBytes + int64(cap(c.repair)) + c.text
}

// bytes returns how much memory the filter takes beside the chunks.
func (f *dedupeFilter) bytes() int64 {
	return f.sum.Bytes() + f.seen.bytes() + int64(cap(f.next))*(fingerprintBytes+8)
}

// bytes returns how much memory the table takes, and will take when it grows
// next if that is soon.
func (t *seenTable) bytes() int64 {
	if t == nil {
		return 0
	}
	n := len(t.counts)
	if 5*t.used > 3*n {
		n += t.nextSize()
	}
	return int64(n) * (fingerprintBytes + 4)
}
