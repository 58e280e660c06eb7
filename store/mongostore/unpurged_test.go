package mongostore_test

import (
	"context"
	"maps"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/mongostore"
)

// read reads all documents of a collection.
func read(t *testing.T, db *mongo.Database, collection string) (docs []bson.M) {
	t.Helper()
	cursor, err := db.Collection(collection).Find(t.Context(), bson.M{})
	if err == nil {
		err = cursor.All(t.Context(), &docs)
	}
	if err != nil {
		t.Fatal(err)
	}
	return docs
}

// unpurgedByShares returns the days of all shares that count and whose batches are
// not purged, as the documents of batches say.
func unpurgedByShares(t *testing.T, db *mongo.Database) []metrics.Day {
	t.Helper()
	purged, revision := map[any]bool{}, map[any]any{}
	for _, b := range read(t, db, "batches") {
		purged[b["_id"]] = b["sealed"] == true || b["status"] == "forgotten"
	}
	for _, e := range read(t, db, "contributions") {
		if e["void"] != true {
			revision[e["_id"]] = e["revision"]
		}
	}
	days := map[metrics.Day]bool{}
	for _, s := range read(t, db, "shares") {
		if id := s["batch_id"]; revision[id] == s["revision"] && !purged[id] {
			day, err := metrics.ParseDay(s["date"].(string))
			if err != nil {
				t.Fatal(err)
			}
			days[day] = true
		}
	}
	return slices.Sorted(maps.Keys(days))
}

// purging is a random history of batches that are recorded, amended, purged,
// archived and deleted.
type purging struct {
	t      *testing.T
	rng    *rand.Rand
	st     *mongostore.Store
	purged map[string]bool // of each batch that is there
	next   int
}

func (p *purging) any() string {
	ids := slices.Sorted(maps.Keys(p.purged))
	return ids[p.rng.IntN(len(ids))]
}

// step makes a random change.
func (p *purging) step() error {
	p.t.Helper()
	ctx := p.t.Context()
	if p.next < 3 || p.rng.IntN(3) == 0 || len(p.purged) == 0 {
		id := batchID(p.next)
		p.next++
		enter(p.t, p.st, id, random(p.t, p.rng, 1+p.rng.IntN(6)))
		p.purged[id] = false
		return nil
	}
	id := p.any()
	switch p.rng.IntN(5) {
	case 0, 1:
		if err := p.st.SetStatus(ctx, id, store.Statuses(), store.Completed, ""); err != nil {
			return err
		}
		p.purged[id] = true
		return p.st.PurgeEvents(ctx, id)
	case 2:
		return p.st.Amend(ctx, id, random(p.t, p.rng, p.rng.IntN(6)))
	case 3:
		delete(p.purged, id)
		return p.st.DeleteBatch(ctx, id)
	}
	if !p.purged[id] {
		return nil
	}
	delete(p.purged, id)
	return p.st.Archive(ctx, id)
}

// The days that the rollup keeps are those that all shares give: none is missing at
// any time, and none is left over when all is folded. Processes are lost while they
// fold, and the rollup is rebuilt.
func TestUnpurgedDaysAreThoseOfAllShares(t *testing.T) {
	for seed := range uint64(3) {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			uri := testenv.Mongo(t)
			db := database(t, uri)
			st := openedStill(t, uri, 2026)
			other := openedStill(t, uri, 2026)
			p := &purging{t: t, rng: rand.New(rand.NewPCG(seed, 9)), st: st, purged: map[string]bool{}}
			lost, network := openCut(t, uri)
			for n := range 40 {
				if err := p.step(); err != nil {
					t.Fatal(err)
				}
				want := unpurgedByShares(t, db)
				for _, s := range []*mongostore.Store{st, other} {
					for _, day := range want {
						if got := unpurged(t, s); !slices.Contains(got, day) {
							t.Fatalf("seed %d, step %d: %s is missing; want %v, got %v", seed, n, day, want, got)
						}
					}
				}
				switch p.rng.IntN(6) {
				case 0:
					network.run(t, p.rng.IntN(30), lost.FoldJournal)
				case 1:
					other.FoldJournal(t.Context())
				case 2:
					if n%3 == 0 {
						if err := st.Rebuild(t.Context()); err != nil {
							t.Fatal(err)
						}
					}
				case 3:
					foldAll(t, st)
					if d := cmp.Diff(want, unpurged(t, other)); d != "" {
						t.Fatalf("seed %d, step %d, when all is folded: %s", seed, n, d)
					}
				}
			}
			foldAll(t, st)
			if d := cmp.Diff(unpurgedByShares(t, db), unpurged(t, st)); d != "" {
				t.Errorf("seed %d: %s", seed, d)
			}
		})
	}
}

func unpurged(t *testing.T, st *mongostore.Store) []metrics.Day {
	t.Helper()
	days, err := st.UnpurgedDays(t.Context(), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	return days
}

// However many batches there are, UnpurgedDays sends the same commands, and none to
// the shares.
func TestUnpurgedDaysReadsNoShares(t *testing.T) {
	uri := testenv.Mongo(t)
	var mu sync.Mutex
	var seen []string
	st := openSeen(t, uri, &net.Dialer{}, func(_ context.Context, e *event.CommandStartedEvent) {
		mu.Lock()
		defer mu.Unlock()
		if collection, ok := e.Command.Lookup(e.CommandName).StringValueOK(); ok {
			seen = append(seen, e.CommandName+" "+collection)
		}
	})
	rng := rand.New(rand.NewPCG(1, 1))
	var before []string
	for i := range 40 {
		enter(t, st, batchID(i), random(t, rng, 20))
		if i != 3 && i != 39 {
			continue
		}
		foldAll(t, st)
		unpurged(t, st) // fills the cache
		seen = nil
		unpurged(t, st)
		if d := cmp.Diff(before, seen); d != "" && before != nil || slices.Contains(seen, "find shares") || slices.Contains(seen, "aggregate shares") {
			t.Errorf("with %d batches: %v, before: %v", i+1, seen, before)
		}
		before = slices.Clone(seen)
	}
	t.Log(before)
}
