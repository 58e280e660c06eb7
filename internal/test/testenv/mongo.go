package testenv

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

var sharedMongo = shared[*Server]{start: func(dir string) (*Server, error) { return OpenMongo(dir) }}

// Mongo returns the URI of an empty database that only this test uses, on a
// server that other tests may use.
func Mongo(t testing.TB) string {
	t.Helper()
	name := Name(t)
	uri := os.Getenv("MONGO_TEST_URI")
	if uri == "" {
		return sharedMongo.use(t).URL + name
	}
	uri = withDatabase(uri, name)
	t.Cleanup(func() {
		if err := drop(context.WithoutCancel(t.Context()), uri, name); err != nil {
			t.Errorf("testenv: drop database %q: %v", name, err)
		}
	})
	return uri
}

// StartMongo starts a mongotestd that only this test uses, with its files in dir.
// To clients it is a MongoDB whose writes are atomic for one document each. The
// arguments are those of mongotestd; -serialize=false makes it faster and its
// updates unsafe.
func StartMongo(t testing.TB, dir string, args ...string) *Server {
	t.Helper()
	s, err := OpenMongo(dir, args...)
	started(t, s, err)
	t.Cleanup(func() {
		if err := s.Kill(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// OpenMongo is [StartMongo] without a test: the caller stops the server with
// Kill.
func OpenMongo(dir string, args ...string) (*Server, error) {
	program, err := mongotestd()
	if err != nil {
		return nil, err
	}
	return open("mongodb", func(addr string) (*process, error) {
		p, err := spawn(dir, program, append([]string{"-dir", dir, "-addr", addr}, args...)...)
		if err != nil {
			return nil, err
		}
		// It prints its URI once it listens.
		if _, err := p.line(patience); err != nil {
			return nil, p.giveUp(err)
		}
		return p, nil
	})
}

// mongotestd finds the program.
func mongotestd() (string, error) {
	if path := os.Getenv("MONGOTESTD"); path != "" {
		return path, nil
	}
	dir, err := os.Getwd()
	for err == nil {
		built := filepath.Join(dir, ".bin", "mongotestd")
		if _, err := os.Stat(built); err == nil {
			return built, nil
		}
		if dir == filepath.Dir(dir) {
			break
		}
		dir = filepath.Dir(dir)
	}
	if path, err := exec.LookPath("mongotestd"); err == nil {
		return path, nil
	}
	return "", fmt.Errorf("testenv: no mongotestd here: %w", ErrMissing)
}

// withDatabase puts a database into a URI. The one that was there stays the
// one that knows the user.
func withDatabase(uri, name string) string {
	head, query, _ := strings.Cut(uri, "?")
	scheme, rest, _ := strings.Cut(head, "://")
	hosts, before, _ := strings.Cut(rest, "/")
	if strings.Contains(hosts, "@") && !strings.Contains(strings.ToLower(query), "authsource=") {
		if before == "" {
			before = "admin"
		}
		query = strings.TrimPrefix(query+"&authSource="+before, "&")
	}
	if query != "" {
		name += "?" + query
	}
	return scheme + "://" + hosts + "/" + name
}

func drop(ctx context.Context, uri, name string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	client, err := mongo.Connect(options.Client().ApplyURI(uri))
	if err != nil {
		return err
	}
	defer func() { _ = client.Disconnect(ctx) }()
	return client.Database(name).Drop(ctx)
}
