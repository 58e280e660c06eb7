package upload

import (
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

const (
	// chunkRows is the number of events that go from the reader to the store
	// in one chunk.
	chunkRows = 1024
	// plainChunks is the number of chunks: one is filled, one is stored, and two
	// in between even out the difference.
	plainChunks = 4
	// repairChunk is the size from which repair lines are passed on.
	repairChunk = 64 << 10
)

// chunk is a part of an upload on its way from the reader to the store.
type chunk struct {
	events       []metrics.Event
	n            int                 // of them in use
	fields       int                 // of those, if duplicates are skipped
	room         int                 // for fields in all events, see bytes
	fingerprints []store.Fingerprint // of the events in use, if duplicates are skipped
	repair       []byte              // lines of the repair file
	text         int64               // bytes of the file that it was made of
	size         int64               // see bytes
	memory       int64               // bytes that all chunks and the parser take
}

// reset empties the chunk and keeps its memory.
func (c *chunk) reset() {
	if c.room > 2*gatherFields { // of rows with many fields, in many places
		c.events, c.room = nil, 0
	}
	c.n, c.fields, c.fingerprints, c.repair = 0, 0, c.fingerprints[:0], c.repair[:0]
}

// spare returns the unused events that the reader fills next.
func (c *chunk) spare() []metrics.Event {
	if len(c.events) == c.n {
		c.events = append(c.events, make([]metrics.Event, chunkRows)...)
	}
	return c.events[c.n:min(c.n+chunkRows, len(c.events))]
}
