package testenv_test

import (
	"bufio"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
)

func TestMongotestdEndsWithItsInputAndOnTerm(t *testing.T) {
	for name, end := range map[string]func(*exec.Cmd, io.Closer) error{
		"its input": func(_ *exec.Cmd, stdin io.Closer) error { return stdin.Close() },
		"SIGTERM":   func(cmd *exec.Cmd, _ io.Closer) error { return cmd.Process.Signal(syscall.SIGTERM) },
	} {
		t.Run(name, func(t *testing.T) {
			cmd := mongotestd(t, "-dir", t.TempDir())
			stdin, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			stdout, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			uri, err := bufio.NewReader(stdout).ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			// With a client that stays.
			insert(t, things(t, strings.TrimSpace(uri)+testenv.Name(t)), doc{"_id": 1})
			if err := end(cmd, stdin); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("it ends with %v", err)
			}
		})
	}
}

func TestMongotestdSaysWhatItLacks(t *testing.T) {
	for _, args := range [][]string{{}, {"-dir", "/nowhere"}, {"-dir", t.TempDir(), "-addr", "127.0.0.1:-1"}} {
		out, err := mongotestd(t, args...).CombinedOutput()
		if err == nil || !strings.HasPrefix(string(out), "mongotestd: ") {
			t.Errorf("with %q: %v, %s", args, err, out)
		}
	}
}

func mongotestd(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	_ = testenv.StartMongo(t, t.TempDir()) // skips where there is none
	path, err := testenv.Mongotestd()
	if err != nil {
		t.Fatal(err)
	}
	return exec.CommandContext(t.Context(), path, args...)
}
