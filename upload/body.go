package upload

import (
	"context"
	"errors"
	"io"
)

// body reads File.Body, counts and hashes its bytes, and fails at the limit and
// when ctx ends.
type body struct {
	check func() error
	r     io.Reader
	left  int64
	n     int64 // bytes read
	sum   *digest
	err   error // of r, or ErrTooLarge
}

func newBody(ctx context.Context, r io.Reader, limit int64) *body {
	return &body{check: ctx.Err, r: r, left: limit, sum: newDigest()}
}

// Read implements io.Reader. Errors: ErrTooLarge.
func (b *body) Read(p []byte) (int, error) {
	if err := b.check(); err != nil {
		return 0, err
	}
	if int64(len(p)) > b.left+1 { // one more, to distinguish full from too large
		p = p[:b.left+1]
	}
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		n, err = 0, ErrTooLarge
	}
	b.n += int64(n)
	_, _ = b.sum.Write(p[:n])
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = err
		return n, err
	}
	if ended := b.check(); ended != nil { // during the Read, so that its end may not be that of the file
		return n, ended
	}
	return n, err
}

// bodyError means that a body could not be read to its end.
type bodyError struct{ err error }

func (e *bodyError) Error() string { return "eventmetrics: read upload: " + e.err.Error() }
func (e *bodyError) Unwrap() error { return e.err }

// endBody ends what belongs to a body.
func (u *Uploader) endBody(ctx context.Context, b *body) {
	b.sum.close()
	u.tel.bytes.Add(ctx, b.n)
}

// digest returns the SHA-256 of what was read, in hex. Nothing is read after it.
func (b *body) digest() string { return b.sum.hex() }
