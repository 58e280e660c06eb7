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

// source is what is uploaded. It can be read as often as must be.
type source struct {
	name   string // for the server
	size   int64  // less than 0 if unknown
	ndjson bool
	key    string
	// open returns a reader from the beginning. Those of before may be in use.
	open  func() io.Reader
	close func() error
}

// openSource opens a file; - is standard input. The key of a file is that of
// its content, so that a command given again does not count it again; where
// the content cannot be read twice, or again is set, the key is random.
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

// digest returns the key of a content.
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

// openStream makes a source of what can be read only once. What was read of it
// is kept in a file until the upload is done, in case it must be sent again.
func openStream(ctx context.Context, name string, r io.Reader, closeStream func() error) (*source, error) {
	buffered := bufio.NewReader(r)
	head := make(chan string, 1)
	go func() { // nothing ends a read of a keyboard but the end of the process
		first, _ := buffered.Peek(1) // an error comes again
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

// stream keeps in a file what was read of a reader.
type stream struct {
	mu   sync.Mutex // a request that has failed may still be reading
	src  io.Reader
	kept *os.File
	size int64 // of kept
	err  error // the end of src
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
