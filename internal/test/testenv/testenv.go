// Package testenv starts private servers for tests: MongoDB-wire (mongotestd,
// which make tools builds) and Redis. They listen on 127.0.0.1 only and die
// with the process that started them, however that dies.
//
// A test that needs a place of its own on some server asks for [Mongo] or
// [RedisURL]; the server is started by the first such test and stopped after
// the last one of those that overlap. A test that kills or pauses its server
// asks for [StartMongo] or [Redis].
//
// These variables change what the tests use:
//
//   - MONGO_TEST_URI: this server instead of private ones in [Mongo]. Each
//     test gets a database of its own there, which is dropped at its end.
//   - REDIS_TEST_URL: this server instead of private ones in [RedisURL].
//   - MONGOTESTD: the mongotestd to start.
//   - CHROMIUM: the browser to start.
//   - REQUIRE_SERVICES=1: fail where a server is missing, instead of skipping.
package testenv

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

// ErrMissing is what the errors of [OpenMongo] and [OpenRedis] wrap when the
// machine lacks the server.
var ErrMissing = errors.New("make test installs it")

// Main is a testing.M with shared servers that go on until all tests are done.
// It spares a package of many short tests a start of the server in each:
//
//	func TestMain(m *testing.M) { os.Exit(testenv.Main{M: m}.Run()) }
type Main struct {
	// M runs the tests.
	M interface{ Run() int }
}

// Run runs the tests and ends the servers.
func (m Main) Run() int {
	all := []*shared{&sharedMongo, &sharedRedis}
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

// Name returns a name that nothing else has, here or on a server that others
// use too. It begins like the name of the test, has at most 40 lower-case
// letters, digits and underscores, and begins with a letter.
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

// started is the server, or the end of the test that cannot have it.
func started(t testing.TB, s *Server, err error) *Server {
	t.Helper()
	if errors.Is(err, ErrMissing) {
		missing(t, err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// missing ends a test that the machine has not what it needs for.
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
