package testenv

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// Server is a server process on 127.0.0.1 that this package started. Its methods
// are safe for concurrent use.
type Server struct {
	// Addr is the host and port, the same after Restart.
	Addr string
	// URL is the address in the form that clients of the server expect.
	URL string

	launch func(addr string) (*process, error)
	mu     sync.Mutex
	proc   *process // nil while it is down
}

var errDown = errors.New("testenv: the server is down")

// open starts a server on a port that is free.
func open(scheme string, launch func(addr string) (*process, error)) (*Server, error) {
	var errs []error
	for range 5 { // another process may take the port first
		addr, err := freeAddr()
		if err != nil {
			return nil, err
		}
		s := &Server{Addr: addr, URL: scheme + "://" + addr + "/", launch: launch}
		if err := s.Restart(); err != nil {
			errs = append(errs, err)
			continue
		}
		return s, nil
	}
	return nil, errors.Join(errs...)
}

// picked has the ports that this process has picked, so that two servers that
// start at the same time get different ones.
var picked sync.Map

// freeAddr picks a port below the ephemeral ones, so that it is still free when
// a server is restarted on it.
func freeAddr() (string, error) {
	var err error
	for range 100 {
		port := 20_000 + rand.IntN(10_000)
		if _, before := picked.LoadOrStore(port, true); before {
			continue
		}
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		var l net.Listener
		if l, err = (&net.ListenConfig{}).Listen(context.Background(), "tcp", addr); err == nil {
			return addr, l.Close()
		}
	}
	return "", fmt.Errorf("testenv: find a free port: %w", err)
}

// Kill kills the server as kill -9 does. Its files stay. Kill does nothing if
// the server is down.
func (s *Server) Kill() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kill()
}

func (s *Server) kill() error {
	if s.proc == nil {
		return nil
	}
	err := s.proc.kill()
	s.proc = nil
	return err
}

// PID returns the id of the server's process, or 0 while it is down.
func (s *Server) PID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc == nil {
		return 0
	}
	return s.proc.pid
}

// Restart kills the server if it is up and starts it on the same address and
// directory. It returns when the server answers.
func (s *Server) Restart() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.kill(); err != nil {
		return err
	}
	proc, err := s.launch(s.Addr)
	if err != nil {
		return err
	}
	s.proc = proc
	return nil
}

// Pause stops the server with SIGSTOP: the system accepts connections, but the
// server answers nothing until Resume.
func (s *Server) Pause() error { return s.signal((*process).pause) }

// Resume ends a pause.
func (s *Server) Resume() error { return s.signal((*process).resume) }

func (s *Server) signal(send func(*process) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc == nil {
		return errDown
	}
	return send(s.proc)
}
