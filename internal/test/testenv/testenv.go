// Package testenv starts private servers for tests: Redis, and mongotestd, which
// speaks the MongoDB wire protocol and is built by make tools. They listen on
// 127.0.0.1 only and end with the process that started them, even if that is
// killed.
//
// A test that needs its own database or keys on some server calls [Mongo] or
// [RedisURL]. The first such test starts the server, and the last of those that
// overlap stops it. A test that kills or pauses its server calls [StartMongo] or
// [Redis], or [RedisCluster].
//
// These variables change what the tests use:
//
//   - MONGO_TEST_URI: the server that [Mongo] uses instead of a private one.
//     Each test gets its own database there, which is dropped at its end.
//   - REDIS_TEST_URL: the server, or cluster, that [RedisURL] uses instead of a
//     private server; or the word cluster, for a private cluster.
//   - MONGOTESTD: the path of the mongotestd to start.
//   - CHROMIUM: the path of the browser to start.
//   - REQUIRE_SERVICES=1: a test whose server is missing fails instead of being
//     skipped.
package testenv

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

// ErrMissing is wrapped by the errors of [OpenMongo] and [OpenRedis] if the
// server is not installed.
var ErrMissing = errors.New("make test installs it")

// Main is a testing.M whose shared servers run until all tests are done. Use it
// in a package of many short tests, each of which would start its own server:
//
//	func TestMain(m *testing.M) { os.Exit(testenv.Main{M: m}.Run()) }
type Main struct {
	// M runs the tests.
	M interface{ Run() int }
}

// Run runs the tests and stops the servers.
func (m Main) Run() int {
	all := []interface {
		hold()
		release() error
	}{&sharedMongo, &sharedRedis, &sharedRedisCluster}
	for _, s := range all {
		s.hold()
	}
	code := m.M.Run()
	for _, s := range all {
		if err := s.release(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
	}
	return code
}

// Name returns a name that is unique, also on a server that other processes use.
// It begins with em_ and the start of the test's name, and has at most 40
// lower-case letters, digits and underscores.
func Name(t testing.TB) string {
	test := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, strings.ToLower(strings.TrimPrefix(t.Name(), "Test")))
	const most = 20
	return "em_" + test[:min(len(test), most)] + "_" + strings.ToLower(rand.Text()[:16])
}

// started returns the server, and fails or skips the test if there is none.
func started[S any](t testing.TB, s S, err error) S {
	t.Helper()
	if errors.Is(err, ErrMissing) {
		missing(t, err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// missing ends a test that needs what is not installed.
func missing(t testing.TB, err error) {
	t.Helper()
	if required() {
		t.Fatal(err)
	}
	t.Skip(err)
}

func required() bool {
	v := os.Getenv("REQUIRE_SERVICES")
	return v != "" && v != "0"
}
