package cli

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// source is a file to upload. It can be read several times.
type source struct {
	name   string // for the server
	size   int64  // bytes; negative if unknown
	ndjson bool
	key    string
	// open returns a reader from the beginning. Earlier readers may still be in
	// use.
	open  func() io.Reader
	close func() error
}

// openSource opens a file; - is standard input. The idempotency key of a file is
// the hash of its content: repeating a command does not count the file twice.
// The key is random if the content cannot be read twice, or if again is set.
func openSource(ctx context.Context, t *Terminal, name string, again bool) (*source, error) {
	if name == "-" {
		return openStream(ctx, "stdin", t.In, func() error { return nil })
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = fmt.Errorf("%s is a directory", name)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return openStream(ctx, filepath.Base(name), f, f.Close)
	}
	s := &source{
		name: filepath.Base(name), size: info.Size(), ndjson: namesNDJSON(name), key: rand.Text(), close: f.Close,
		open: func() io.Reader { return io.NewSectionReader(f, 0, info.Size()) },
	}
	if !again {
		if s.key, err = digest(ctx, s.open()); err != nil {
			_ = f.Close()
			return nil, err
		}
	}
	return s, nil
}

func namesNDJSON(name string) bool {
	name = strings.TrimSuffix(strings.TrimSuffix(strings.ToLower(name), ".gz"), ".zst")
	return strings.HasSuffix(name, ".ndjson") || strings.HasSuffix(name, ".jsonl")
}

// digest returns the idempotency key of a content.
func digest(ctx context.Context, r io.Reader) (string, error) {
	h := sha256.New()
	for {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		_, err := io.CopyN(h, r, 4<<20)
		if errors.Is(err, io.EOF) {
			return "sha256-" + hex.EncodeToString(h.Sum(nil)), nil
		}
		if err != nil {
			return "", err
		}
	}
}

// openStream returns a source for a reader that can be read only once. It copies
// what is read into a temporary file, in case the upload must be repeated.
func openStream(ctx context.Context, name string, r io.Reader, closeStream func() error) (*source, error) {
	buffered := bufio.NewReader(r)
	head := make(chan string, 1)
	go func() { // a read from a terminal cannot be cancelled
		first, _ := buffered.Peek(1) // the next read returns the error again
		head <- string(first)
	}()
	var first string
	select {
	case first = <-head:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	kept, err := os.CreateTemp("", "refserver-upload-*")
	if err != nil {
		return nil, err
	}
	st := &stream{src: buffered, kept: kept}
	return &source{
		name: name, size: -1, ndjson: first == "{", key: rand.Text(),
		open: func() io.Reader { return &streamReader{stream: st} },
		close: func() error {
			_ = kept.Close()
			_ = os.Remove(kept.Name())
			return closeStream()
		},
	}, nil
}

// stream copies to a file what is read from src.
type stream struct {
	mu   sync.Mutex // a failed request may still be reading
	src  io.Reader
	kept *os.File
	size int64 // of kept
	err  error // with which src ended
}

// streamReader reads a stream from its beginning.
type streamReader struct {
	stream *stream
	at     int64
}

// Read implements io.Reader.
func (r *streamReader) Read(b []byte) (int, error) {
	s := r.stream
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.at == s.size {
		if s.err != nil {
			return 0, s.err
		}
		n, err := s.src.Read(b)
		if _, failed := s.kept.WriteAt(b[:n], s.size); failed != nil {
			return 0, failed
		}
		s.size += int64(n)
		s.err = err
		r.at += int64(n)
		return n, err
	}
	n, err := s.kept.ReadAt(b[:min(int64(len(b)), s.size-r.at)], r.at)
	r.at += int64(n)
	return n, err
}
