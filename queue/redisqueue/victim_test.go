package redisqueue_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/queue/redisqueue"
)

// These tell a child process what queue to work on until it is killed.
const (
	victimURL  = "REDISQUEUE_TEST_URL"
	victimName = "REDISQUEUE_TEST_NAME"
)

// mostEnds is the number of jobs that a victim ends before it stalls, so that a
// busy machine that kills it late leaves jobs to the others.
const mostEnds = 40

func crashOptions(name string) *redisqueue.Options {
	return &redisqueue.Options{
		Name:    name,
		Workers: 4,
		Lease:   2 * time.Second,
		Retry:   queue.Retry{MaxAttempts: 3, Base: time.Millisecond},
	}
}

// victim prints what it starts and what it ends. A job "poison" ends with the
// process, and a job "deaf" when a line is written to it, whatever its context
// says. Others take 2 ms, up to mostEnds of them. It also prints its log, after
// the word log.
func victim(url string) {
	ctx := context.Background()
	o := crashOptions(os.Getenv(victimName))
	o.Logger = slog.New(slog.NewTextHandler(logLines{}, nil))
	var begun atomic.Int64
	q, err := redisqueue.Open(ctx, url, o)
	if err == nil {
		err = q.Consume(ctx, func(ctx context.Context, j queue.Job) error {
			fmt.Println("start", j.ID, j.Attempt)
			switch j.ID {
			case "poison":
				<-context.WithoutCancel(ctx).Done()
			case "deaf":
				_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
			default:
				if begun.Add(1) > mostEnds {
					<-context.WithoutCancel(ctx).Done() // forever
				}
				<-time.After(2 * time.Millisecond)
			}
			fmt.Println("end", j.ID, j.Attempt)
			return nil
		})
	}
	fmt.Println("failed", err)
	os.Exit(1)
}

type logLines struct{}

func (logLines) Write(p []byte) (int, error) { return fmt.Print("log ", string(p)) }

// child is a victim.
type child struct {
	cmd   *exec.Cmd
	in    io.Writer
	lines *bufio.Scanner
	end   func()
}

func startVictim(t *testing.T, url, name string) *child {
	t.Helper()
	c, err := newVictim(t, url, name)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func newVictim(t *testing.T, url, name string) (*child, error) {
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), victimURL+"="+url, victimName+"="+name)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	c := &child{cmd: cmd, in: in, lines: bufio.NewScanner(out)}
	c.end = sync.OnceFunc(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it says that it was killed
	})
	t.Cleanup(c.end)
	return c, nil
}

// until reads what the victim says until a line begins so, and returns it.
func (c *child) until(prefix string) (string, error) {
	for c.lines.Scan() {
		if strings.HasPrefix(c.lines.Text(), prefix) {
			return c.lines.Text(), nil
		}
		if strings.HasPrefix(c.lines.Text(), "failed") {
			return "", fmt.Errorf("the victim: %s", c.lines.Text())
		}
	}
	return "", fmt.Errorf("the victim ended by itself: %w", c.lines.Err())
}

// started waits until the victim has started the job and returns the attempt.
func (c *child) started(t *testing.T, id string) int {
	t.Helper()
	line, err := c.until("start " + id + " ")
	if err != nil {
		t.Fatal(err)
	}
	attempt, err := strconv.Atoi(line[strings.LastIndexByte(line, ' ')+1:])
	if err != nil {
		t.Fatal(err)
	}
	return attempt
}
