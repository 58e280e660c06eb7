package sqlitestore

import (
	"context"
	"database/sql"

	"github.com/eventmetrics/eventmetrics/store/internal/columnar"
)

const (
	// spoolBytes is the size of blocks that one transaction writes.
	spoolBytes = 512 << 10
	// buffers is the number of Buffers of a writer: one to fill, one to
	// encode, one between.
	buffers = 3
)

// blocks are encoded and not yet stored. They belong to the spooler while it
// runs, and to the writer's caller otherwise.
type blocks struct {
	encoder *columnar.Encoder
	n       int64  // blocks stored
	pending []byte // encoded blocks, one after the other
	ends    []int  // where each of them ends
	sum     optionalSum
}

func (b *blocks) encode(buffer *columnar.Buffer) {
	start := len(b.pending)
	b.pending = b.encoder.Encode(b.pending, buffer)
	b.end(start)
}

// end ends the block that begins at start.
func (b *blocks) end(start int) {
	b.ends = append(b.ends, len(b.pending))
	b.sum.addBlock(b.pending[start:])
}

// insert writes the pending blocks. They stay pending until done is called,
// because the transaction may fail.
func (b *blocks) insert(ctx context.Context, tx *sql.Tx, seq int64) error {
	start := 0
	for i, end := range b.ends {
		_, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO blocks(id, data) VALUES(?, ?)", seq<<blockBits+b.n+int64(i), b.pending[start:end])
		if err != nil {
			return err
		}
		start = end
	}
	return nil
}

func (b *blocks) done() {
	b.n += int64(len(b.ends))
	b.pending, b.ends = b.pending[:0], b.ends[:0]
}

// spooler encodes and stores full Buffers in a goroutine of its own.
type spooler struct {
	full  chan *columnar.Buffer
	empty chan *columnar.Buffer
	ended chan struct{} // closed when the goroutine has ended
	err   error         // why it ended; to be read after ended
}

// startSpooler starts the goroutine. It ends with its first error, with stop,
// or with its Store.
func startSpooler(ctx context.Context, w *writer) *spooler {
	sp := &spooler{
		full:  make(chan *columnar.Buffer, 1),
		empty: make(chan *columnar.Buffer, buffers),
		ended: make(chan struct{}),
	}
	for range buffers - 1 {
		sp.empty <- nil // made when it is needed
	}
	w.st.mu.Lock()
	defer w.st.mu.Unlock()
	if w.st.closed {
		sp.err = errClosed
		close(sp.ended)
		return sp
	}
	w.st.spoolers.Go(func() {
		defer close(sp.ended)
		sp.err = sp.run(ctx, w)
	})
	return sp
}

func (sp *spooler) run(ctx context.Context, w *writer) error {
	for {
		select {
		case buffer, ok := <-sp.full:
			if !ok {
				return nil
			}
			if err := sp.spool(ctx, w, buffer); err != nil {
				return err
			}
		case <-w.st.quit:
			return errClosed
		}
	}
}

// spool encodes a Buffer, gives it back, and stores the blocks when they are
// enough for a transaction.
func (sp *spooler) spool(ctx context.Context, w *writer, buffer *columnar.Buffer) error {
	w.blocks.encode(buffer)
	buffer.Reset()
	sp.empty <- buffer
	if len(w.blocks.pending) < spoolBytes {
		return nil
	}
	return w.store(ctx)
}

// swap hands over a full Buffer and returns an empty one.
func (sp *spooler) swap(ctx context.Context, full *columnar.Buffer) (*columnar.Buffer, error) {
	select {
	case sp.full <- full:
	case <-sp.ended:
		return nil, sp.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	select {
	case b := <-sp.empty:
		if b == nil {
			b = columnar.NewBuffer()
		}
		return b, nil
	case <-sp.ended:
		return nil, sp.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// stop lets the goroutine finish what it was given and waits for it.
func (sp *spooler) stop() error {
	close(sp.full)
	<-sp.ended
	return sp.err
}

// store writes the pending blocks in a short transaction.
func (w *writer) store(ctx context.Context) error {
	err := w.st.add(ctx, unsynced, func(tx *sql.Tx) error {
		if err := w.hold(ctx, tx); err != nil {
			return err
		}
		return w.blocks.insert(ctx, tx, w.seq)
	})
	if err == nil {
		w.blocks.done()
	}
	return err
}
