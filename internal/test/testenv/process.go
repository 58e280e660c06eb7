package testenv

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// patience bounds the start of a server on a machine that is very busy.
const patience = 60 * time.Second

// watch is the shell between this process and a server. Its standard input ends
// when this process closes it or dies. The shell then kills the server and waits
// for it, so no server is left running. It ignores signals from the keyboard.
const watch = `
trap '' INT HUP QUIT TERM
exec 3<&0
"$@" <&3 3<&- &
echo $!
exec 3<&- >/dev/null
cat
kill -9 $! 2>/dev/null
wait
exit 0
`

// process is a server that runs under watch. It needs no goroutine.
type process struct {
	cmd    *exec.Cmd
	pid    int // of the server
	stdin  io.Closer
	stdout *os.File
	lines  *bufio.Reader
	log    string // path of its log
}

// spawn starts a program that keeps its log in dir.
func spawn(dir, program string, args ...string) (_ *process, err error) {
	p := &process{log: filepath.Join(dir, "server.log")}
	stderr, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("testenv: open a log: %w", err)
	}
	defer func() { _ = stderr.Close() }()
	stdout, theirs, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("testenv: open a pipe: %w", err)
	}
	defer func() { _ = theirs.Close() }()
	p.stdout, p.lines = stdout, bufio.NewReader(stdout)
	p.cmd = exec.CommandContext(context.Background(), "sh", append([]string{"-c", watch, "sh", program}, args...)...)
	p.cmd.Stdout, p.cmd.Stderr = theirs, stderr
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, errors.Join(fmt.Errorf("testenv: open a pipe: %w", err), stdout.Close())
	}
	if err := p.cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("testenv: start sh: %w", err), stdout.Close())
	}
	line, err := p.line(patience)
	if err == nil {
		p.pid, err = strconv.Atoi(line)
	}
	if err != nil {
		return nil, p.giveUp(err)
	}
	return p, nil
}

// line reads a line of the server's output. The error is io.EOF once the server
// is dead, and os.ErrDeadlineExceeded if no line arrives within d.
func (p *process) line(d time.Duration) (string, error) {
	if err := p.stdout.SetReadDeadline(time.Now().Add(d)); err != nil {
		return "", err
	}
	line, err := p.lines.ReadString('\n')
	return strings.TrimSpace(line), err
}

// giveUp kills a process that did not start properly and adds its log to err.
func (p *process) giveUp(err error) error {
	err = fmt.Errorf("testenv: start %s: %w", filepath.Base(p.cmd.Args[4]), err)
	if log, _ := os.ReadFile(p.log); len(log) > 0 {
		const most = 2000
		err = fmt.Errorf("%w; its log ends: %s", err, log[max(0, len(log)-most):])
	}
	return errors.Join(err, p.kill())
}

func (p *process) kill() error {
	_ = p.stdin.Close()
	err := p.cmd.Wait()
	if err = errors.Join(err, p.stdout.Close()); err != nil {
		return fmt.Errorf("testenv: stop server: %w", err)
	}
	return nil
}
