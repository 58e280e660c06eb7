package testenv

import (
	"errors"
	"os"
	"sync"
	"testing"
)

// killable is a server, or several that belong together.
type killable interface {
	comparable
	Kill() error
}

// shared is a server that the tests of a process use together. It runs from its
// first use until no test uses or holds it, so an orderly end of the process
// leaves nothing to clean up.
type shared[S killable] struct {
	start func(dir string) (S, error)

	mu     sync.Mutex
	users  int
	dir    string
	server S
}

// use starts the server if it is down and releases it at the end of the test.
func (s *shared[S]) use(t testing.TB) S {
	t.Helper()
	s.hold()
	t.Cleanup(func() {
		if err := s.release(); err != nil {
			t.Error(err)
		}
	})
	server, err := s.get()
	return started(t, server, err)
}

func (s *shared[S]) hold() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users++
}

func (s *shared[S]) get() (_ S, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var none S
	if s.server != none {
		return s.server, nil
	}
	dir, err := os.MkdirTemp("", "testenv")
	if err != nil {
		return none, err
	}
	server, err := s.start(dir)
	if err != nil {
		return none, errors.Join(err, os.RemoveAll(dir))
	}
	s.dir, s.server = dir, server
	return server, nil
}

func (s *shared[S]) release() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var none S
	s.users--
	if s.users > 0 || s.server == none {
		return nil
	}
	err := s.server.Kill()
	s.server = none
	return errors.Join(err, os.RemoveAll(s.dir))
}
