package upload

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
)

const (
	digestPiece = 128 << 10
	// digestPieces is the number of pieces of a digest: with fewer, writing waits for
	// the goroutine that hashes.
	digestPieces = 6
)

// digest is the SHA-256 of what is written to it. Whole pieces are hashed in a
// goroutine of its own, which takes a fifth of the work from the one that reads. It
// must be closed.
type digest struct {
	hash  hash.Hash
	piece []byte // the one that is being filled
	free  chan []byte
	full  chan []byte   // nil until a piece is full
	ended chan struct{} // closed when the goroutine has ended
}

func newDigest() *digest { return &digest{hash: sha256.New()} }

// Write copies p and never fails. It implements io.Writer.
func (d *digest) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		m := min(len(p), digestPiece-len(d.piece))
		d.piece = append(d.piece, p[:m]...)
		p = p[m:]
		if len(d.piece) == digestPiece {
			d.handOver()
		}
	}
	return n, nil
}

func (d *digest) handOver() {
	if d.full == nil {
		d.start()
	}
	d.full <- d.piece
	d.piece = <-d.free
}

func (d *digest) start() {
	d.free, d.full = make(chan []byte, digestPieces), make(chan []byte, digestPieces)
	d.ended = make(chan struct{})
	for range digestPieces - 1 {
		d.free <- nil // made when it is needed
	}
	go func() {
		defer close(d.ended)
		for piece := range d.full {
			_, _ = d.hash.Write(piece)
			d.free <- piece[:0] // never blocks: there are as many places as pieces
		}
	}()
}

// hex returns the SHA-256 of all that was written, once. It closes d.
func (d *digest) hex() string {
	d.close()
	_, _ = d.hash.Write(d.piece)
	return hex.EncodeToString(d.hash.Sum(nil))
}

// close waits for the goroutine. It is safe to repeat.
func (d *digest) close() {
	if d.full == nil {
		return
	}
	close(d.full)
	<-d.ended
	d.full = nil
}
