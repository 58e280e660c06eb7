package testenv

import (
	"errors"
	"os"
	"sync"
	"testing"
)

// shared is a server that the tests of a process use together. It runs from its
// first use until no test uses or holds it, so an orderly end of the process
// leaves nothing to clean up.
type shared struct {
	start func(dir string) (*Server, error)

	mu     sync.Mutex
	users  int
	dir    string
	server *Server
}

// use starts the server if it is down and releases it at the end of the test.
func (s *shared) use(t testing.TB) *Server {
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

func (s *shared) hold() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users++
}

func (s *shared) get() (_ *Server, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.server != nil {
		return s.server, nil
	}
	dir, err := os.MkdirTemp("", "testenv")
	if err != nil {
		return nil, err
	}
	server, err := s.start(dir)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	s.dir, s.server = dir, server
	return server, nil
}

func (s *shared) release() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users--
	if s.users > 0 || s.server == nil {
		return nil
	}
	err := s.server.Kill()
	s.server = nil
	return errors.Join(err, os.RemoveAll(s.dir))
}
