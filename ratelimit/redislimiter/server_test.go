package redislimiter_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// server is a redis-server of one test.
type server struct {
	t    testing.TB
	dir  string
	addr string
	args []string
	cmd  *exec.Cmd
}

func startServer(t testing.TB, args ...string) *server {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		if os.Getenv("REQUIRE_SERVICES") != "" {
			t.Fatal("redis-server is not on PATH")
		}
		t.Skip("redis-server is not on PATH")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	s := &server{t: t, dir: t.TempDir(), addr: addr, args: args}
	s.Restart()
	t.Cleanup(s.Kill)
	return s
}

func (s *server) URL() string { return "redis://" + s.addr }

func (s *server) Restart() {
	s.t.Helper()
	_, port, _ := net.SplitHostPort(s.addr)
	args := append([]string{"--bind", "127.0.0.1", "--port", port, "--dir", s.dir, "--save", "", "--logfile", filepath.Join(s.dir, "log")}, s.args...)
	s.cmd = exec.Command("redis-server", args...)
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	client := redis.NewClient(&redis.Options{Addr: s.addr})
	defer client.Close()
	for giveUp := time.Now().Add(20 * time.Second); ; <-time.After(10 * time.Millisecond) {
		if client.Ping(s.t.Context()).Err() == nil {
			return
		}
		if time.Now().After(giveUp) {
			s.t.Fatal("redis-server does not start")
		}
	}
}

func (s *server) Kill() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

func (s *server) Pause()  { _ = s.cmd.Process.Signal(syscall.SIGSTOP) }
func (s *server) Resume() { _ = s.cmd.Process.Signal(syscall.SIGCONT) }

var names atomic.Int64

func name() string { return fmt.Sprint("test", names.Add(1)) }
