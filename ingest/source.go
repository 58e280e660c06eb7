package ingest

import (
	"bytes"
	"encoding/binary"
	"io"
	"unsafe"
)

const (
	firstChunk = 32 << 10
	maxChunk   = 256 << 10
	// padding lets words be loaded that begin at the last byte or the
	// sentinel after it.
	padding = 16
	// sniffBytes is how much of the input decides its encoding and line end.
	sniffBytes = 4 << 10
)

// source holds one piece of the input at a time. A piece is filled, then
// frozen: no byte of it is ever written again. That is why strings can share
// its memory and stay as they are.
type source struct {
	in io.Reader
	// chunk is the size of the next piece, which grows up to maxChunk.
	chunk, maxChunk int

	// buf[pos:end] is what has not been read, and buf[end] is eol: a
	// sentinel that stops every search for the end of a line.
	buf      []byte
	text     string // buf
	pos, end int
	eof      bool  // nothing follows end
	err      error // the error of in other than io.EOF; nothing follows either
	eol      byte

	loaded int64 // bytes of all pieces so far

	encoding string
	decoded  bool // by Options.Encoding, which writes U+FFFD for what is wrong

	quotes bool // buf has a quote
	nul    bool // buf has a NUL byte
	plain  bool // buf is ASCII without NUL
}

// drained reports whether the input ends with buf.
func (s *source) drained() bool { return s.eof || s.err != nil }

// refill makes a new piece that begins with what has not been read, which is
// at pos 0 then, and has more after it unless the input is drained.
func (s *source) refill() {
	tail := s.buf[s.pos:s.end]
	size := len(tail) + max(s.chunk, len(tail)) // at least doubles: no row is searched often
	buf := make([]byte, size+padding)
	s.loaded += int64(size)
	n := copy(buf, tail)
	m, err := readFull(s.in, buf[n:size])
	if s.eof = isEOF(err); !s.eof {
		s.err = err
	}
	s.chunk = min(2*s.chunk, s.maxChunk)
	s.freeze(buf, n+m)
}

func (s *source) freeze(buf []byte, end int) {
	buf[end] = s.eol
	s.buf, s.pos, s.end = buf, 0, end
	s.text = unsafe.String(unsafe.SliceData(buf), len(buf))
	data := buf[:end]
	s.quotes = bytes.IndexByte(data, '"') >= 0
	s.nul = bytes.IndexByte(data, 0) >= 0
	s.plain = !s.nul && isASCII(data)
}

// readFull reads until p is full. Unlike io.ReadFull it never makes
// io.ErrUnexpectedEOF of an input that is short, so that one from the reader
// itself, which means a broken upload, can be distinguished.
func readFull(in io.Reader, p []byte) (n int, err error) {
	for empty := 0; n < len(p) && err == nil; {
		var m int
		m, err = in.Read(p[n:])
		n += m
		if empty++; m > 0 {
			empty = 0
		}
		if empty == 100 && err == nil {
			return n, io.ErrNoProgress
		}
	}
	return n, err
}

// isEOF reports whether a reader has come to its end. One that wraps io.EOF
// has broken off.
func isEOF(err error) bool {
	return err == io.EOF //nolint:errorlint // the end is io.EOF itself, by the contract of io.Reader
}

func isASCII(data []byte) bool {
	i, words := 0, uint64(0)
	for ; i+32 <= len(data); i += 32 {
		b := data[i : i+32]
		words |= binary.LittleEndian.Uint64(b) | binary.LittleEndian.Uint64(b[8:]) |
			binary.LittleEndian.Uint64(b[16:]) | binary.LittleEndian.Uint64(b[24:])
	}
	for _, c := range data[i:] {
		words |= uint64(c)
	}
	return words&highBits == 0
}

// open detects encoding and line end from the first bytes, and reads the
// first piece. Errors: *FormatError.
func (s *source) open(in io.Reader, opts *Options) error {
	s.eol = '\n'
	head := make([]byte, sniffBytes)
	n, err := readFull(in, head)
	if err := otherFormat(head[:n], opts.Format); err != nil {
		return err
	}
	s.in, s.encoding = decode(&replay{head: head[:n], err: err, in: in}, &opts.Encoding)
	s.decoded = s.encoding != utf8Name && opts.Encoding.Decode != nil && s.encoding == opts.Encoding.Name
	if opts.Format == CSV {
		s.sniffLineEnd()
	}
	s.refill()
	return nil
}

// sniffLineEnd looks for an old kind of file, with nothing but CR at the end
// of lines.
func (s *source) sniffLineEnd() {
	head := make([]byte, sniffBytes)
	n, err := readFull(s.in, head)
	s.in = &replay{head: head[:n], err: err, in: s.in}
	cr := bytes.IndexByte(head[:n], '\r')
	if cr >= 0 && cr < n-1 && bytes.IndexByte(head[:n], '\n') < 0 {
		s.eol = '\r'
	}
}

// replay reads head, then err if there is one, else in.
type replay struct {
	head []byte
	err  error
	in   io.Reader
}

func (r *replay) Read(p []byte) (int, error) {
	if len(r.head) > 0 {
		n := copy(p, r.head)
		r.head = r.head[n:]
		return n, nil
	}
	if r.err != nil {
		return 0, r.err
	}
	return r.in.Read(p)
}
