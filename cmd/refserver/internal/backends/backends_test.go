package backends_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/backends"
	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/queue/redisqueue"
	"github.com/eventmetrics/eventmetrics/ratelimit"
	"github.com/eventmetrics/eventmetrics/store"
)

func TestBackendsAreThoseOfTheConfiguration(t *testing.T) {
	mongo := testenv.Mongo(t)
	for _, tc := range []struct {
		name         string
		mongo, redis string
		files        []string // in DATA_DIR
	}{
		{"neither: all in DATA_DIR", "", "", []string{"ballast", "events.db", "lock", "queue.db"}},
		{"MongoDB only: the queue in DATA_DIR", mongo, "", []string{"ballast", "lock", "queue.db"}},
		{"Redis only: the store in DATA_DIR", "", testenv.Redis(t).URL, []string{"ballast", "events.db", "lock"}},
		{"both: no DATA_DIR", mongo, testenv.Redis(t).URL, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			b, err := backends.Open(t.Context(), &backends.Options{MongoURI: tc.mongo, RedisURL: tc.redis, DataDir: dir, Workers: 1})
			if err != nil {
				t.Fatal(err)
			}
			use(t, b)
			if d := cmp.Diff(tc.files, list(t, dir)); d != "" {
				t.Error(d)
			}
			if err := b.Close(); err != nil {
				t.Error(err)
			}
			again, err := backends.Open(t.Context(), &backends.Options{MongoURI: tc.mongo, RedisURL: tc.redis, DataDir: dir, Workers: 1})
			if err != nil {
				t.Fatalf("after Close: %v", err)
			}
			if err := again.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// use asks each backend for something.
func use(t *testing.T, b *backends.Backends) {
	t.Helper()
	if _, err := b.Store.Batches(t.Context(), store.BatchQuery{}); err != nil {
		t.Error(err)
	}
	if _, err := b.Queue.Stats(t.Context()); err != nil {
		t.Error(err)
	}
	limiter, err := b.Limiter(1, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	countTogether(t, limiter, limiter)
}

// countTogether checks that the second of two uploads is refused, each asked
// of one limiter. A limiter on Redis counts by itself for some seconds when
// Redis answers late, as it may on a busy machine.
func countTogether(t *testing.T, first, second ratelimit.Limiter) {
	t.Helper()
	allowed := func(l ratelimit.Limiter, key string) bool {
		d, err := l.Allow(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		return d.Allowed
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); ; <-tick.C {
		key := testenv.Name(t)
		if !allowed(first, key) {
			t.Fatal("the first upload is refused")
		}
		if !allowed(second, key) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the second upload is allowed")
		}
	}
}

// list returns the files that matter in a directory.
func list(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), "-wal") && !strings.HasSuffix(e.Name(), "-shm") {
			names = append(names, e.Name())
		}
	}
	return names
}

// A directory may have been made by others, and be open to them.
func TestTheFilesAreForTheirUserOnly(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	b, err := backends.Open(t.Context(), &backends.Options{DataDir: dir, Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.Close() }()
	files, err := os.ReadDir(dir)
	if err != nil || len(files) < 2 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil {
			t.Fatal(err)
		}
		if mode := info.Mode().Perm(); mode&0o077 != 0 {
			t.Errorf("%s has the mode %o, want none for others", f.Name(), mode)
		}
	}
}

func TestReplicasCountUploadsTogether(t *testing.T) {
	mongo, redis := testenv.Mongo(t), testenv.Redis(t).URL
	var replicas []ratelimit.Limiter
	for range 2 {
		b, err := backends.Open(t.Context(), &backends.Options{MongoURI: mongo, RedisURL: redis, Workers: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		limiter, err := b.Limiter(1, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		replicas = append(replicas, limiter)
	}
	countTogether(t, replicas[0], replicas[1])
}

// The stores of deployments are databases of MongoDB, or files.
func TestTwoDeploymentsOnOneRedisAreRefused(t *testing.T) {
	for name, stores := range map[string][]backends.Options{
		"MongoDB and MongoDB": {{MongoURI: testenv.Mongo(t)}, {MongoURI: testenv.Mongo(t)}},
		"SQLite and SQLite":   {{DataDir: t.TempDir()}, {DataDir: t.TempDir()}},
		"SQLite and MongoDB":  {{DataDir: t.TempDir()}, {MongoURI: testenv.Mongo(t)}},
	} {
		t.Run(name, func(t *testing.T) {
			redis := testenv.Redis(t).URL
			open := func(o backends.Options) error {
				o.RedisURL, o.Workers = redis, 1
				b, err := backends.Open(t.Context(), &o)
				if err != nil {
					return err
				}
				return b.Close()
			}
			for start := 1; start <= 2; start++ {
				if err := open(stores[0]); err != nil {
					t.Fatalf("start %d: %v", start, err)
				}
			}
			if err := open(stores[1]); !errors.Is(err, redisqueue.ErrOwner) || !strings.HasPrefix(err.Error(), "REDIS_URL: ") {
				t.Errorf("a deployment with another store: %v, want ErrOwner of REDIS_URL", err)
			}
		})
	}
}

const secret = "Tr0ub4dor"

func TestBackendThatIsAwayIsOneLineWithoutSecrets(t *testing.T) {
	for _, tc := range []struct {
		name         string
		mongo, redis string
		setting      string
		want         error
	}{
		{"MongoDB", "mongodb://user:" + secret + "@127.0.0.1:1/x", "", "MONGO_URI", store.ErrUnavailable},
		{"Redis", "", "redis://user:" + secret + "@127.0.0.1:1/0", "REDIS_URL", queue.ErrUnavailable},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			var log strings.Builder
			_, err := backends.Open(ctx, &backends.Options{
				MongoURI: tc.mongo, RedisURL: tc.redis, DataDir: t.TempDir(), Workers: 1,
				Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
			})
			if !errors.Is(err, tc.want) {
				t.Fatalf("got %v, want %v", err, tc.want)
			}
			text := err.Error()
			if !strings.HasPrefix(text, tc.setting+": ") || strings.Contains(text, "\n") || strings.Contains(text+log.String(), secret) {
				t.Errorf("the error is %q, the log %q", text, log.String())
			}
		})
	}
}

func TestMalformedAddressIsNotCited(t *testing.T) {
	for _, uri := range []string{
		secret, "mongo://" + secret, "mongodb://u:" + secret + "/x@h/db", "mongodb://u:" + secret + "?x@h/db",
		"mongodb://u:" + secret + "#x@h/db", "mongodb://u:" + secret + "@x@h/db", "mongodb://u:x:" + secret + "@h/db",
		"mongodb://u:%zz" + secret + "@h/db", "mongodb://%zz" + secret + ":u@h/db", "mongodb://",
		"mongodb://u:" + secret + "@127.0.0.1:port/db", "mongodb://u:" + secret + "@127.0.0.1:1/db?w=-1", "mongodb://u:" + secret + "@127.0.0.1:1/db?authMechanism=none",
		"mongodb://u:" + secret + "@/db",
	} {
		_, err := backends.Open(t.Context(), &backends.Options{MongoURI: uri, DataDir: t.TempDir(), Workers: 1})
		if err == nil || strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), "zz") {
			t.Errorf("%s: %v", uri, err)
		}
	}
	for _, url := range []string{secret, "http://" + secret, "redis://u:" + secret + "#x@h/0", "redis://u:%zz" + secret + "@h/0"} {
		_, err := backends.Open(t.Context(), &backends.Options{RedisURL: url, DataDir: t.TempDir(), Workers: 1})
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", url, err)
		}
	}
}
