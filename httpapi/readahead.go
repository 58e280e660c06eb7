package httpapi

import (
	"fmt"
	"io"
	"time"
)

const (
	aheadBytes  = 128 << 10 // a block of zstd; gzip gives 32 KiB at once
	aheadPieces = 4
	// stopGrace is how long a Read may take before it is stopped. To stop one that
	// has just met the end of the body would look as if the client was gone.
	stopGrace = 100 * time.Millisecond
)

// readAhead reads in a goroutine of its own, which starts with the first Read: a
// body is decompressed while what came before is read and stored. Its errors and
// panics are those of Read.
type readAhead struct {
	r     io.Reader
	stop  func() // ends a Read of r that waits
	free  chan []byte
	full  chan aheadPiece
	quit  chan struct{}
	ended chan struct{} // nil until it has started

	piece aheadPiece
}

type aheadPiece struct {
	buf, left []byte // left is what was not read yet
	err       error  // after it
}

func newReadAhead(r io.Reader, stop func()) *readAhead {
	return &readAhead{
		r: r, stop: stop, quit: make(chan struct{}),
		free: make(chan []byte, aheadPieces), full: make(chan aheadPiece, aheadPieces),
	}
}

// Read implements io.Reader.
func (a *readAhead) Read(p []byte) (int, error) {
	if a.ended == nil {
		a.begin()
	}
	for len(a.piece.left) == 0 {
		if a.piece.err != nil {
			return 0, a.piece.err
		}
		if a.piece.buf != nil {
			a.free <- a.piece.buf // never blocks: there are as many places as pieces
		}
		a.piece = <-a.full
	}
	n := copy(p, a.piece.left)
	a.piece.left = a.piece.left[n:]
	return n, nil
}

func (a *readAhead) begin() {
	for range aheadPieces {
		a.free <- make([]byte, aheadBytes)
	}
	a.ended = make(chan struct{})
	go func() {
		defer close(a.ended)
		for {
			select {
			case <-a.quit:
				return
			case buf := <-a.free:
				n, err := a.read(buf)
				a.full <- aheadPiece{buf, buf[:n], err}
				if err != nil {
					return
				}
			}
		}
	}()
}

// read reads what there is. It does not wait for more, which may come late.
func (a *readAhead) read(buf []byte) (n int, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("httpapi: read body: panic: %v", r)
		}
	}()
	return a.r.Read(buf)
}

// Close ends the goroutine and waits for it. Nothing may call Read any more.
func (a *readAhead) Close() {
	if a.ended == nil {
		return
	}
	close(a.quit)
	select {
	case <-a.ended:
		return
	case <-time.After(stopGrace): // it waits for the client
	}
	a.stop()
	<-a.ended
}
