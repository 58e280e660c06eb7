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

var (
	sharedRedis        = shared[*Server]{start: func(dir string) (*Server, error) { return OpenRedis(dir) }}
	sharedRedisCluster = shared[*Cluster]{start: func(dir string) (*Cluster, error) { return OpenRedisCluster(dir) }}
)

// RedisURL returns the URL of a Redis that other tests and processes may use at
// the same time. Start keys with a [Name], and run no command that affects the
// whole server. It is the URL of a Redis Cluster if REDIS_TEST_URL says so.
func RedisURL(t testing.TB) string {
	t.Helper()
	switch url := os.Getenv("REDIS_TEST_URL"); url {
	case "":
		return sharedRedis.use(t).URL
	case "cluster":
		return sharedRedisCluster.use(t).URL
	default:
		return url
	}
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
	pong, err := redisDo(addr, "PING")
	if err != nil || pong != "PONG" {
		return fmt.Errorf("testenv: PING: %q: %w", pong, errors.Join(err, errDown))
	}
	info, err := redisDo(addr, "INFO server")
	if err != nil {
		return err
	}
	if id := redisField(info, "process_id"); id != strconv.Itoa(pid) {
		return fmt.Errorf("testenv: process %s answers at %s", id, addr)
	}
	return nil
}

// redisDo sends one command to the Redis at addr and returns its answer, which
// must be no list.
func redisDo(addr, command string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return "", err
	}
	if _, err := io.WriteString(conn, command+"\r\n"); err != nil {
		return "", err
	}
	r := bufio.NewReader(conn)
	line, err := r.ReadString('\n')
	if line = strings.TrimSpace(line); err != nil || line == "" {
		return "", fmt.Errorf("testenv: %s: %w", command, errors.Join(err, errDown))
	}
	switch line[0] {
	case '+', ':':
		return line[1:], nil
	case '$':
		length, err := strconv.Atoi(line[1:])
		if err != nil || length < 0 {
			return "", fmt.Errorf("testenv: %s: %q", command, line)
		}
		text := make([]byte, length)
		_, err = io.ReadFull(r, text)
		return string(text), err
	default:
		return "", fmt.Errorf("testenv: %s: %q", command, line)
	}
}

// redisField returns a field of an answer to INFO or CLUSTER INFO.
func redisField(info, name string) string {
	for line := range strings.Lines(info) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
