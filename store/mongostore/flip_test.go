package mongostore_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/eventmetrics/eventmetrics/internal/test/audittest"
	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
	"github.com/eventmetrics/eventmetrics/store/mongostore"
)

var (
	flips     = flag.Int("flips", 12, "number of damaged documents; 1000 take an hour")
	flipFirst = flag.Int("flipfirst", 0, "number of the first damage")
	flipSeed  = flag.Uint64("flipseed", 1, "seed of the damage")
)

// Each damaged member of a document, and each lost document, ends in an error, in
// a finding of the audit or in a right answer: before a reprocess and after it.
func TestNoDamagedDocumentChangesAnAnswerInSilence(t *testing.T) {
	f := newFlipper(t)
	n := *flips
	if testing.Short() {
		n /= 4
	}
	results := map[string]int{}
	for i := *flipFirst; i < *flipFirst+n; i++ {
		rng := rand.New(rand.NewPCG(*flipSeed, uint64(i)))
		f.restore(t)
		damage := f.damage(t, rng, i)
		result, wrong := f.try(t)
		t.Logf("%d %s: %s", i, damage, result)
		results[result]++
		if len(wrong) > 0 {
			t.Errorf("damage %d, %s: %s, but wrong: %s", i, damage, result, wrong)
		}
	}
	t.Logf("%v", results)
	if n >= 12 && (results["finding"] == 0 || results["right"] == 0) {
		t.Errorf("the damage was not seen: %v", results)
	}
}

// flipper has the documents of a sound database, and its answers.
type flipper struct {
	uri   string
	db    *mongo.Database
	names []string // of collections
	docs  map[string][]bson.D
	judge *audittest.Judge
}

func newFlipper(t *testing.T) *flipper {
	f := &flipper{uri: testenv.Mongo(t), docs: map[string][]bson.D{}}
	f.db = database(t, f.uri)
	var clock atomic.Int64 // each look at it is a later millisecond
	clock.Store(time.Now().Add(-time.Hour).UnixMilli())
	now := func() time.Time { return time.UnixMilli(clock.Add(1)).UTC() }
	st, err := mongostore.Open(t.Context(), f.uri, &mongostore.Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	}()
	ask := audittest.Questions{
		Keys: []string{"key", "further", "another"}, KeysAt: time.Now(), Attachments: []string{"errors", "read_as"}, AsOf: f.fill(t, st, now), Day: flipDay, Type: "a", Prints: flipPrints(0, 8),
	}
	foldAll(t, st)
	f.judge, _ = audittest.NewJudge(t, st, &ask)
	names, err := f.db.ListCollectionNames(t.Context(), bson.D{})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(slices.Values(names)) {
		if docs := f.read(t, name); len(docs) > 0 && name != "deployment" {
			f.names, f.docs[name] = append(f.names, name), docs
		}
	}
	if len(f.names) < 10 {
		t.Fatalf("only the collections %v have documents", f.names)
	}
	return f
}

func (f *flipper) read(t *testing.T, name string) []bson.D {
	t.Helper()
	cursor, err := f.db.Collection(name).Find(t.Context(), bson.D{}, options.Find().SetSort(bson.D{{Key: "_id", Value: 1}}))
	if err != nil {
		t.Fatal(err)
	}
	var docs []bson.D
	if err := cursor.All(t.Context(), &docs); err != nil {
		t.Fatal(err)
	}
	return docs
}

// restore puts all documents back.
func (f *flipper) restore(t *testing.T) {
	t.Helper()
	for _, name := range append([]string{"journal"}, f.names...) {
		if _, err := f.db.Collection(name).DeleteMany(t.Context(), bson.D{}); err != nil {
			t.Fatal(err)
		}
		if len(f.docs[name]) == 0 {
			continue
		}
		if _, err := f.db.Collection(name).InsertMany(t.Context(), f.docs[name]); err != nil {
			t.Fatal(err)
		}
	}
}

// damage removes a document, removes a member of one, or changes a byte, a
// character or a number of one. It returns what it did.
func (f *flipper) damage(t *testing.T, rng *rand.Rand, i int) string {
	t.Helper()
	name := f.names[i%len(f.names)]
	c, was := f.db.Collection(name), f.docs[name][rng.IntN(len(f.docs[name]))]
	next := cloneD(t, was)
	what := "removed"
	if rng.IntN(6) > 0 {
		what = flip(rng, &next)
	}
	if _, err := c.DeleteOne(t.Context(), bson.D{{Key: "_id", Value: was[0].Value}}); err != nil {
		t.Fatal(err)
	}
	if what != "removed" {
		if _, err := c.InsertOne(t.Context(), next); err != nil {
			what = "removed, since no such document can be: " + err.Error()
		}
	}
	return fmt.Sprintf("%s of %s %v", what, name, was[0].Value)
}

func cloneD(t *testing.T, d bson.D) (next bson.D) {
	t.Helper()
	raw, err := bson.Marshal(d)
	if err == nil {
		err = bson.Unmarshal(raw, &next)
	}
	if err != nil {
		t.Fatal(err)
	}
	return next
}

// flip damages one member of a document, perhaps one deep inside.
func flip(rng *rand.Rand, d *bson.D) string {
	i := rng.IntN(len(*d))
	e := &(*d)[i]
	if e.Key != "_id" && rng.IntN(4) == 0 {
		key := e.Key
		*d = slices.Delete(*d, i, i+1)
		return "member " + key + " removed"
	}
	var what string
	e.Value, what = flipValue(rng, e.Value)
	return "member " + e.Key + " " + what
}

func flipValue(rng *rand.Rand, v any) (any, string) {
	switch v := v.(type) {
	case string:
		if v == "" {
			return "x", "no longer empty"
		}
		b := []byte(v)
		at := rng.IntN(len(b))
		b[at] ^= 1 << rng.IntN(4) // mostly another character of the same kind
		if b[at] == 0 || b[at] > 126 {
			b[at] = 'x'
		}
		return string(b), fmt.Sprintf("%q instead of %q", b, v)
	case bson.Binary:
		if len(v.Data) == 0 {
			return bson.Binary{Data: []byte{1}}, "no longer empty"
		}
		v.Data[rng.IntN(len(v.Data))] ^= 1 << rng.IntN(8)
		return v, "with another bit"
	case int32:
		return v ^ 1<<rng.IntN(8), "another number"
	case int64:
		return v ^ 1<<rng.IntN(20), "another number"
	case bool:
		return !v, "negated"
	case bson.DateTime:
		return v ^ 1<<(10+rng.IntN(20)), "another time"
	case bson.D:
		if len(v) == 0 {
			return bson.D{{Key: "x", Value: "x"}}, "no longer empty"
		}
		what := flip(rng, &v)
		return v, "with " + what
	case bson.A:
		if len(v) == 0 {
			return bson.A{"x"}, "no longer empty"
		}
		i := rng.IntN(len(v))
		if rng.IntN(3) == 0 {
			return slices.Delete(v, i, i+1), "without an element"
		}
		var what string
		v[i], what = flipValue(rng, v[i])
		return v, "with an element " + what
	case bson.ObjectID:
		v[rng.IntN(len(v))] ^= 1
		return v, "another id"
	}
	return v, fmt.Sprintf("not changed, of type %T", v)
}

// try opens the damaged database, and returns what it ends in and which answers
// are wrong in silence.
func (f *flipper) try(t *testing.T) (result string, wrong []string) {
	t.Helper()
	ctx := t.Context()
	st, err := mongostore.Open(ctx, f.uri, nil)
	if err != nil {
		return "error", nil
	}
	defer func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	}()
	return f.judge.Judge(ctx, st, func() { st.FoldJournal(ctx) })
}
