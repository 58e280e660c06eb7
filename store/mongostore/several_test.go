package mongostore_test

import (
	"context"
	"errors"
	"iter"
	"math/rand/v2"
	"regexp"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/mongostore"
	"github.com/eventmetrics/eventmetrics/store/storetest"
)

// several are several processes on one database, whose new batches have different
// layouts. Calls of optional interfaces
// alternate too.
type several struct {
	*storetest.Alternating
	stores []store.Store
}

// Without these, store.As would keep to one of the stores.
var (
	_ store.Auditor   = (*several)(nil)
	_ store.Deduper   = (*several)(nil)
	_ store.Explainer = (*several)(nil)
	_ store.Retainer  = (*several)(nil)
)

func newSeveral(t *testing.T, uri string) *several {
	t.Helper()
	withBlocks := &mongostore.Options{Events: mongostore.Blocks}
	stores := []store.Store{openedWith(t, uri, withBlocks), opened(t, uri), openedWith(t, uri, withBlocks)}
	return &several{storetest.Alternate(stores...), stores}
}

func (s *several) next() *mongostore.Store { return s.Unwrap().(*mongostore.Store) }

func (s *several) Contribution(ctx context.Context, id string) (metrics.Contribution, error) {
	return s.next().Contribution(ctx, id)
}

func (s *several) Amend(ctx context.Context, id string, c metrics.Contribution) error {
	return s.next().Amend(ctx, id, c)
}

func (s *several) Explain(ctx context.Context, day metrics.Day, eventType string) iter.Seq2[store.Share, error] {
	return s.next().Explain(ctx, day, eventType)
}

func (s *several) Claim(ctx context.Context, id string, fps []store.Fingerprint) ([]string, error) {
	return s.next().Claim(ctx, id, fps)
}

func (s *several) AddOwner(ctx context.Context, id string, fp store.Fingerprint) error {
	return s.next().AddOwner(ctx, id, fp)
}

func (s *several) Owners(ctx context.Context, fps []store.Fingerprint) ([]string, error) {
	return s.next().Owners(ctx, fps)
}

func (s *several) TakeKey(ctx context.Context, id, key string, expires, now time.Time) error {
	return s.next().TakeKey(ctx, id, key, expires, now)
}

func (s *several) Keys(ctx context.Context, id string) ([]string, error) {
	return s.next().Keys(ctx, id)
}

func (s *several) PurgeEvents(ctx context.Context, id string) error {
	return s.next().PurgeEvents(ctx, id)
}

func (s *several) Archive(ctx context.Context, id string) error { return s.next().Archive(ctx, id) }

func (s *several) ReplaceAttachment(ctx context.Context, id, name string, content iter.Seq2[[]byte, error]) error {
	return s.next().ReplaceAttachment(ctx, id, name, content)
}

func (s *several) Erase(ctx context.Context, id string, e store.Erasure) (int64, error) {
	return s.next().Erase(ctx, id, e)
}

func (s *several) EraseNames(ctx context.Context, id string, names store.Names) error {
	return s.next().EraseNames(ctx, id, names)
}

func (s *several) Scrub(ctx context.Context) error { return s.next().Scrub(ctx) }

func (s *several) Ping(ctx context.Context) error {
	var errs []error
	for _, st := range s.stores {
		errs = append(errs, st.Ping(ctx))
	}
	return errors.Join(errs...)
}

// The rules hold as well when each call is that of another process. Those about
// Store are also rules of Harness.OpenPair.
func TestSeveralStoresKeepTheRulesTogether(t *testing.T) {
	storetest.Run(t, storetest.Harness{
		Scale:        0.04,
		Seed:         2,
		ClaimTimeout: time.Second, // waits less than it takes: the other suite waits
		Only:         regexp.MustCompile("Auditor|Deduper|Retainer|AsOf|Prune|attachment|iterator"),
		Open:         func(t *testing.T) store.Store { return newSeveral(t, testenv.Mongo(t)) },
	})
}

func (s *several) UnpurgedDays(ctx context.Context, from, to metrics.Day) ([]metrics.Day, error) {
	return s.next().UnpurgedDays(ctx, from, to)
}

func (s *several) Rebuild(ctx context.Context) error { return s.next().Rebuild(ctx) }

// TestAPlanOfEntriesThatHaveChangedIsNotCarriedOut stops a process between
// reading the ledger and writing its plan, until another has folded a deletion.
func TestAPlanOfEntriesThatHaveChangedIsNotCarriedOut(t *testing.T) {
	uri := testenv.Mongo(t)
	st := opened(t, uri)
	st.StopFolding()
	slow, held, let := openHeld(t, uri, "update", "dailymetrics")
	defer let()
	enter(t, st, batchID(1), random(t, rand.New(rand.NewPCG(1, 1)), 20))
	done := make(chan struct{})
	go func() {
		defer close(done)
		slow.FoldJournal(t.Context())
	}()
	<-held
	if err := st.DeleteBatch(t.Context(), batchID(1)); err != nil {
		t.Fatal(err)
	}
	st.FoldJournal(t.Context())
	let()
	<-done
	foldAll(t, st)
	dailyIs(t, st)
	void := bson.D{{Key: "void", Value: true}, {Key: "folded", Value: bson.D{{Key: "$ne", Value: ""}}}}
	if n, err := database(t, uri).Collection("contributions").CountDocuments(t.Context(), void); n > 0 || err != nil {
		t.Errorf("the rollup has %d deleted batches, %v", n, err)
	}
}
