package storetest

import (
	"math/rand/v2"
	"reflect"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics/store"
)

// Harness opens the store under test. Only Open is required. Run names each
// field that is left out, because its rules are not tested then.
type Harness struct {
	// Open returns a new, empty store, and closes it in t.Cleanup. A subtest
	// calls it one or more times.
	Open func(t *testing.T) store.Store

	// Reopen simulates the sudden loss of the process and, if the store has a
	// database server, of the server: as kill -9 does, at once and without
	// closing anything. It opens the same data again and returns the new handle,
	// which it closes in t.Cleanup. What st does after that must not reach the
	// data: cut its connections, or open a copy of its files.
	Reopen func(t *testing.T, st store.Store) store.Store

	// PowerCut opens a new, empty store, and returns a function that simulates a
	// loss of power: it opens what had been synced to the disk until then, and
	// nothing else, and returns the new handle. It may be called again after
	// that. Both handles are closed in t.Cleanup.
	PowerCut func(t *testing.T) (st store.Store, cut func() store.Store)

	// Dump returns every byte that the database has of st: its files, or the
	// documents of its collections.
	Dump func(t *testing.T, st store.Store) []byte

	// Damage changes a number that the database has of a batch, past st.
	Damage func(t *testing.T, st store.Store, id string)

	// OpenPair returns two handles of one new, empty store, as two processes
	// have them, and closes them in t.Cleanup.
	OpenPair func(t *testing.T) (a, b store.Store)

	// OpenNarrow is Open with a pool of one connection, or of the fewest that
	// the store documents.
	OpenNarrow func(t *testing.T) store.Store

	// Cut makes the database unreachable for st until restore is called. Open
	// the stores with a short time of retries, because each method is called
	// meanwhile.
	Cut func(t *testing.T, st store.Store) (restore func())

	// Scale multiplies the number of rows, batches and steps of the large
	// checks; 0 means 1, which is 50,000 rows in a batch. A slow database may
	// need 0.1. Choose it so that the rows are more than the blocks and caches
	// of the store hold. It does not change how often concurrent calls race.
	Scale float64

	// ClaimTimeout is the longest time for which the claims of a lost process
	// last in the stores of this Harness; 0 means store.ClaimTimeout. Rules wait
	// for it, so open the stores with a fast heartbeat.
	ClaimTimeout time.Duration

	// Only selects the rules whose names match; nil means all.
	Only *regexp.Regexp

	// Seed starts the randomized checks; 0 means 1. A failure of one of them
	// prints the seed in use.
	Seed uint64
}

// Run checks every rule of package store in a subtest of its own. For each
// function of the Harness that is nil, a subtest that is skipped says so.
func Run(t *testing.T, h Harness) {
	t.Helper()
	for _, field := range h.missing() {
		t.Run("not tested without Harness."+field, func(t *testing.T) {
			t.Skipf("Harness.%s is nil: the rules that need it are not tested", field)
		})
	}
	for _, r := range rules() {
		if h.Only != nil && !h.Only.MatchString(r.name) {
			continue
		}
		t.Run(r.name, func(t *testing.T) {
			newCheck(t, t, h, r).run()
		})
	}
}

// missing returns the names of the functions that are nil.
func (h *Harness) missing() []string {
	var names []string
	for field, value := range reflect.ValueOf(h).Elem().Fields() {
		if field.Type.Kind() == reflect.Func && value.IsNil() {
			names = append(names, field.Name)
		}
	}
	return names
}

// needs skips the rule if a function of the harness is nil.
func (c *check) needs(field string) {
	c.Helper()
	if slices.Contains(c.h.missing(), field) {
		c.Skipf("Harness.%s is nil", field)
	}
}

// rule is one promise of a store.
type rule struct {
	// name is the promise as a short sentence.
	name string
	// why quotes the documentation of package store. It is part of each
	// failure.
	why   string
	check func(c *check)
}

func rules() []rule {
	var all []rule
	for _, some := range [][]rule{
		visibilityRules(), beginRules(), eventRules(), attachmentRules(), meanwhileRules(), commitRules(), commitAgainRules(), keyRules(),
		statusRules(), recordRules(), pendingRules(), pendingRaceRules(), dayCountRules(), lawRules(), movingRules(), deleteRules(),
		pruneRules(), batchesRules(), iteratorRules(), narrowRules(), contextRules(), cutRules(), reopenRules(), durableRules(), pairRules(), pingRules(),
		auditorRules(), rebuildRules(), explainerRules(), deduperRules(), ownerRules(), takeKeyRules(), asOfRules(),
		purgeRules(), unpurgedRules(), archiveRules(), replaceRules(), eraseRules(), nameRules(), scrubRules(), inspectRules(), textRules(),
	} {
		all = append(all, some...)
	}
	return all
}

// need returns the optional interface T, or skips the rule.
func need[T any](c *check) T {
	c.Helper()
	optional, ok := store.As[T](c.st)
	if !ok {
		c.Skipf("%T is no %T", c.st, (*T)(nil))
	}
	return optional
}

// scaled applies the Scale of the harness to a number.
func (c *check) scaled(n int) int {
	if c.h.Scale <= 0 {
		return n
	}
	return max(1, int(float64(n)*c.h.Scale))
}

// random returns the numbers of a randomized check.
func (c *check) random() *rand.Rand {
	return rand.New(rand.NewPCG(c.seed(), 0))
}

func (c *check) seed() uint64 {
	if c.h.Seed == 0 {
		return 1
	}
	return c.h.Seed
}
