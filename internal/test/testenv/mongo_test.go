package testenv_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
)

type doc = bson.M

// things is a collection of the database that the URI names.
func things(t *testing.T, uri string) *mongo.Collection {
	t.Helper()
	client, err := mongo.Connect(options.Client().ApplyURI(uri).SetRetryWrites(false))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Disconnect(context.WithoutCancel(t.Context())) })
	name, _, _ := strings.Cut(path.Base(uri), "?")
	return client.Database(name).Collection("things")
}

func insert(t *testing.T, c *mongo.Collection, d doc) {
	t.Helper()
	if _, err := c.InsertOne(t.Context(), d); err != nil {
		t.Fatal(err)
	}
}

func count(t *testing.T, c *mongo.Collection) int64 {
	t.Helper()
	n, err := c.CountDocuments(t.Context(), doc{})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestMongoIsEmptyAndOnesOwn(t *testing.T) {
	one, other := testenv.Mongo(t), testenv.Mongo(t)
	insert(t, things(t, one), doc{"_id": 1})
	if n := count(t, things(t, other)); n != 0 {
		t.Errorf("another database has %d documents", n)
	}
	if n := count(t, things(t, one)); n != 1 {
		t.Errorf("the database has %d documents, want 1", n)
	}
}

func TestMongoKeepsItsDirectoryOverKill(t *testing.T) {
	server := testenv.StartMongo(t, t.TempDir())
	uri := server.URL + testenv.Name(t)
	for i := range 8 {
		insert(t, things(t, uri), doc{"_id": i})
		if err := server.Kill(); err != nil {
			t.Fatal(err)
		}
		if i == 0 && listening(server.Addr) {
			t.Error("a killed server listens")
		}
		if err := server.Restart(); err != nil {
			t.Fatal(err)
		}
	}
	if n := count(t, things(t, uri)); n != 8 {
		t.Errorf("%d documents left of 8", n)
	}
}

func TestAPausedMongoHangs(t *testing.T) {
	server := testenv.StartMongo(t, t.TempDir())
	c := things(t, server.URL+testenv.Name(t))
	insert(t, c, doc{"_id": 1})
	if err := server.Pause(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := c.FindOne(ctx, doc{}).Err(); !mongo.IsTimeout(err) {
		t.Errorf("FindOne = %v, want a timeout", err)
	}
	if err := server.Resume(); err != nil {
		t.Fatal(err)
	}
	if n := count(t, c); n != 1 {
		t.Errorf("%d documents, want 1", n)
	}
}

func TestConcurrentIncrementsAreAllCounted(t *testing.T) {
	c := things(t, testenv.Mongo(t))
	insert(t, c, doc{"_id": 1, "n": 0})
	together(t, 16, func(int) error {
		for range 50 {
			if _, err := c.UpdateOne(t.Context(), doc{"_id": 1}, doc{"$inc": doc{"n": 1}}); err != nil {
				return err
			}
		}
		return nil
	})
	var got struct{ N int }
	if err := c.FindOne(t.Context(), doc{}).Decode(&got); err != nil {
		t.Fatal(err)
	}
	if got.N != 16*50 {
		t.Errorf("%d of %d increments are left", got.N, 16*50)
	}
}

func TestAGuardedReplaceHasOneWinnerPerVersion(t *testing.T) {
	c := things(t, testenv.Mongo(t))
	const versions, rivals = 30, 16
	insert(t, c, doc{"_id": 1, "version": 0})
	var won [versions]atomic.Int32
	together(t, rivals, func(rival int) error {
		for v := range versions {
			// Each waits for the version before, so that all fight for each.
			for n := int64(0); n == 0; {
				var err error
				if n, err = c.CountDocuments(t.Context(), doc{"_id": 1, "version": doc{"$gte": v}}); err != nil {
					return err
				}
			}
			r, err := c.ReplaceOne(t.Context(), doc{"_id": 1, "version": v}, doc{"_id": 1, "version": v + 1, "by": rival})
			if err != nil {
				return err
			}
			won[v].Add(int32(r.ModifiedCount))
		}
		return nil
	})
	for v := range won {
		if n := won[v].Load(); n != 1 {
			t.Errorf("version %d was replaced %d times", v, n)
		}
	}
}

func TestAClaimIsGivenToOne(t *testing.T) {
	c := things(t, testenv.Mongo(t))
	const jobs = 100
	for i := range jobs {
		insert(t, c, doc{"_id": i, "state": "free"})
	}
	var claimed atomic.Int32
	together(t, 8, func(int) error {
		for {
			err := c.FindOneAndUpdate(t.Context(), doc{"state": "free"}, doc{"$set": doc{"state": "taken"}}).Err()
			if errors.Is(err, mongo.ErrNoDocuments) {
				return nil
			}
			if err != nil {
				return err
			}
			claimed.Add(1)
		}
	})
	if n := claimed.Load(); n != jobs {
		t.Errorf("%d jobs were claimed %d times", jobs, n)
	}
}

func TestALargeDocumentArrivesAndComesBack(t *testing.T) {
	c := things(t, testenv.Mongo(t))
	blob := bytes.Repeat([]byte("x"), 15<<20)
	insert(t, c, doc{"_id": 1, "b": blob})
	raw, err := c.FindOne(t.Context(), doc{"_id": 1}).Raw()
	if err != nil {
		t.Fatal(err)
	}
	if _, got := raw.Lookup("b").Binary(); !bytes.Equal(got, blob) {
		t.Errorf("%d bytes came back", len(got))
	}
}

// A driver would take such an answer for that of the next command on the
// connection.
func TestUnacknowledgedWritesAreNotAnswered(t *testing.T) {
	acknowledged := things(t, testenv.Mongo(t)+"?maxPoolSize=1")
	c := acknowledged.Clone(options.Collection().SetWriteConcern(writeconcern.Unacknowledged()))
	for i := range 20 {
		if _, err := c.InsertOne(t.Context(), doc{"_id": i}); err != nil {
			t.Fatal(err)
		}
		if n := count(t, acknowledged); n != int64(i+1) {
			t.Fatalf("%d documents after %d inserts on one connection", n, i+1)
		}
	}
}

func TestAMongoOfAnotherPlaceIsLeftAsItWas(t *testing.T) {
	server := testenv.StartMongo(t, t.TempDir())
	insert(t, things(t, server.URL+"others"), doc{"_id": 1})
	t.Setenv("MONGO_TEST_URI", server.URL+"?appName=tests")
	t.Run("after a test", func(t *testing.T) {
		uri := testenv.Mongo(t)
		if !strings.HasPrefix(uri, server.URL+"em_") {
			t.Errorf("got %s", uri)
		}
		insert(t, things(t, uri), doc{"_id": 1})
	})
	names, err := things(t, server.URL+"others").Database().Client().ListDatabaseNames(t.Context(), doc{})
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(names); got != "[others]" {
		t.Errorf("databases: %s", got)
	}
}

func TestADatabaseIsPutIntoAnyURI(t *testing.T) {
	for uri, want := range map[string]string{
		"mongodb://h":                          "mongodb://h/new",
		"mongodb://h:1/":                       "mongodb://h:1/new",
		"mongodb://h/old":                      "mongodb://h/new",
		"mongodb://a:1,b:2/?replicaSet=r":      "mongodb://a:1,b:2/new?replicaSet=r",
		"mongodb://a:1,b:2?w=1":                "mongodb://a:1,b:2/new?w=1",
		"mongodb://u:p@h":                      "mongodb://u:p@h/new?authSource=admin",
		"mongodb://u:p@h/old?w=1":              "mongodb://u:p@h/new?w=1&authSource=old",
		"mongodb+srv://u:p@h/old?authsource=x": "mongodb+srv://u:p@h/new?authsource=x",
	} {
		if got := testenv.WithDatabase(uri, "new"); got != want {
			t.Errorf("%s becomes %s, want %s", uri, got, want)
		}
	}
}

// together runs n of f at once.
func together(t *testing.T, n int, f func(i int) error) {
	t.Helper()
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			if err := f(i); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}
