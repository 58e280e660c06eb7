package testenv

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

var sharedRedis = shared{start: func(dir string) (*Server, error) { return OpenRedis(dir) }}

// RedisURL returns the URL of a Redis that other tests and processes may use at
// the same time. Start keys with a [Name], and run no command that affects the
// whole server.
func RedisURL(t testing.TB) string {
	t.Helper()
	if url := os.Getenv("REDIS_TEST_URL"); url != "" {
		return url
	}
	return sharedRedis.use(t).URL
}

// Redis starts a Redis that only this test uses. It loses its data on a restart
// and has no memory limit, unless the arguments of redis-server change that:
//
//	testenv.Redis(t, "--appendonly", "yes", "--appendfsync", "always")
//	testenv.Redis(t, "--maxmemory", "8mb")
func Redis(t testing.TB, args ...string) *Server {
	t.Helper()
	s, err := OpenRedis(t.TempDir(), args...)
	started(t, s, err)
	t.Cleanup(func() {
		if err := s.Kill(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// OpenRedis is [Redis] without a test: the caller chooses the directory, which
// must exist, and stops the server with Kill.
func OpenRedis(dir string, args ...string) (*Server, error) {
	program, err := exec.LookPath("redis-server")
	if err != nil {
		program, err = exec.LookPath("valkey-server") // what newer systems have
	}
	if err != nil {
		return nil, fmt.Errorf("testenv: no redis-server here: %w", ErrMissing)
	}
	return open("redis", func(addr string) (*process, error) {
		_, port, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, err
		}
		p, err := spawn(dir, program, append([]string{
			"--bind", "127.0.0.1", "--port", port, "--dir", dir, "--logfile", filepath.Join(dir, "server.log"),
			"--daemonize", "no", "--save", "", "--appendonly", "no",
		}, args...)...)
		if err != nil {
			return nil, err
		}
		return p.answering(addr)
	})
}

// answering returns the process once it answers at addr.
func (p *process) answering(addr string) (*process, error) {
	for deadline := time.Now().Add(patience); ; {
		err := redisReady(addr, p.pid)
		if err == nil {
			return p, nil
		}
		if time.Now().After(deadline) {
			return nil, p.giveUp(err)
		}
		// The server writes no line, so this waits a little or ends with it.
		if _, dead := p.line(5 * time.Millisecond); !errors.Is(dead, os.ErrDeadlineExceeded) {
			return nil, p.giveUp(err)
		}
	}
}

// redisReady asks the Redis at addr whether it has loaded its data and is the
// process pid.
func redisReady(addr string, pid int) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return err
	}
	if _, err := io.WriteString(conn, "PING\r\nINFO server\r\n"); err != nil {
		return err
	}
	r := bufio.NewReader(conn)
	if pong, err := r.ReadString('\n'); err != nil || pong != "+PONG\r\n" {
		return fmt.Errorf("testenv: PING: %q: %w", pong, errors.Join(err, errDown))
	}
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return err
		}
		if id, ok := strings.CutPrefix(line, "process_id:"); ok {
			if strings.TrimSpace(id) != strconv.Itoa(pid) {
				return fmt.Errorf("testenv: process %s answers at %s", strings.TrimSpace(id), addr)
			}
			return nil
		}
	}
}
