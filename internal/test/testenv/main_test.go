package testenv_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
)

// childDir makes the test binary start servers there and wait to be killed.
const childDir = "TESTENV_CHILD_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := child(dir); err != nil {
			fmt.Println(err)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

func child(dir string) error {
	for _, open := range []func(string, ...string) (*testenv.Server, error){testenv.OpenRedis, testenv.OpenMongo} {
		for _, paused := range []bool{false, true} {
			s, err := open(dir)
			if err != nil {
				return err
			}
			if paused {
				if err := s.Pause(); err != nil {
					return err
				}
			}
			fmt.Println(s.Addr)
		}
	}
	fmt.Println("ready")
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

func TestNoServerOutlivesAKilledTestProcess(t *testing.T) {
	_, _ = testenv.Mongo(t), testenv.RedisURL(t) // skips where there is none
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+t.TempDir())
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var addrs []string
	for line := ""; line != "ready"; {
		if _, err := fmt.Fscanln(out, &line); err != nil {
			t.Fatalf("after %q: %v", addrs, err)
		}
		addrs = append(addrs, line)
	}
	addrs = addrs[:len(addrs)-1]
	for _, addr := range addrs {
		if !listening(addr) {
			t.Errorf("no server listens at %s", addr)
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	eventually(t, "the servers are gone", func() bool {
		return !strings.Contains(fmt.Sprint(each(addrs, listening)), "true")
	})
}

func each(addrs []string, ask func(string) bool) (answers []bool) {
	for _, addr := range addrs {
		answers = append(answers, ask(addr))
	}
	return answers
}

func listening(addr string) bool {
	conn, err := net.DialTimeout("tcp", addr, time.Second)
	if err == nil {
		_ = conn.Close()
	}
	return err == nil
}

// eventually polls a server that is not ours to wait for.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(30 * time.Second); !ok(); {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within 30 s: %s", what)
		}
	}
}

type tests func() int

func (run tests) Run() int { return run() }

func TestMainKeepsSharedServersBetweenTests(t *testing.T) {
	t.Setenv("REDIS_TEST_URL", "")
	var first, second string
	code := testenv.Main{M: tests(func() int {
		t.Run("first", func(t *testing.T) { first = testenv.RedisURL(t) })
		t.Run("second", func(t *testing.T) {
			second = testenv.RedisURL(t)
			set(t, dial(t, second), testenv.Name(t))
		})
		return 3
	})}.Run()
	if code != 3 || first != second {
		t.Errorf("code %d, %s and then %s", code, first, second)
	}
	if second != "" && listening(strings.TrimSuffix(strings.TrimPrefix(second, "redis://"), "/")) {
		t.Error("the server is still there")
	}
}

func TestNamesAreShortAndUnique(t *testing.T) {
	t.Run("What A (Very) Long_Name, with/Everything: é", func(t *testing.T) {
		seen := map[string]bool{}
		for range 1000 {
			name := testenv.Name(t)
			if seen[name] {
				t.Fatalf("%s comes twice", name)
			}
			seen[name] = true
			bare := strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_")
			if len(name) > 40 || bare != "" || !strings.HasPrefix(name, "em_namesareshort") {
				t.Fatalf("bad name %s", name)
			}
		}
	})
}

func TestAMissingServerIsSkippedUnlessRequired(t *testing.T) {
	t.Setenv("PATH", "")
	t.Setenv("MONGOTESTD", "")
	t.Setenv("MONGO_TEST_URI", "")
	t.Setenv("REDIS_TEST_URL", "")
	t.Chdir(t.TempDir())
	for name, use := range map[string]func(testing.TB){
		"Mongo":      func(tb testing.TB) { testenv.Mongo(tb) },
		"StartMongo": func(tb testing.TB) { testenv.StartMongo(tb, tb.TempDir()) },
		"RedisURL":   func(tb testing.TB) { testenv.RedisURL(tb) },
		"Redis":      func(tb testing.TB) { testenv.Redis(tb) },
	} {
		for required, want := range map[string]string{"": "skipped", "0": "skipped", "1": "failed"} {
			t.Run(name+" with REQUIRE_SERVICES="+required, func(t *testing.T) {
				t.Setenv("REQUIRE_SERVICES", required)
				tb := &recorder{TB: t}
				func() {
					defer func() { _ = recover() }()
					use(tb)
				}()
				if tb.end != want {
					t.Errorf("the test is %q, want it %s", tb.end, want)
				}
				if !strings.Contains(tb.why, "make test installs it") {
					t.Errorf("it says %q", tb.why)
				}
			})
		}
	}
}

// recorder is a test that remembers how it ends.
type recorder struct {
	testing.TB
	end, why string
}

func (r *recorder) Skip(args ...any) { r.stop("skipped", args) }

func (r *recorder) Fatal(args ...any) { r.stop("failed", args) }

func (r *recorder) stop(end string, args []any) {
	r.end, r.why = end, fmt.Sprint(args...)
	panic(r)
}
