package sqlitestore_test

import (
	"errors"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/internal/fingerprints"
	"github.com/eventmetrics/eventmetrics/store/sqlitestore"
)

// openedStill opens a store whose heart beats once and then only when told, and
// whose clock stands still.
func openedStill(t *testing.T, path string, year int) *sqlitestore.Store {
	t.Helper()
	now := time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)
	return openedWith(t, path, &sqlitestore.Options{Now: func() time.Time { return now }, Heartbeat: 24 * time.Hour})
}

// beat lets stores beat, one after the other.
func beat(t *testing.T, stores ...*sqlitestore.Store) {
	t.Helper()
	for _, st := range stores {
		if err := st.Beat(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// begun begins a batch that claims fingerprints.
func begun(t *testing.T, st *sqlitestore.Store, id string, fps ...store.Fingerprint) store.Writer {
	t.Helper()
	w, err := st.Begin(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := st.Claim(t.Context(), id, fps); err != nil {
		t.Fatal(err)
	}
	return w
}

func TestClaimsOfASuspendedProcessCanBeTaken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.db")
	suspended, st := openedStill(t, path, 2026), openedStill(t, path, 2026)
	p := store.Fingerprint{1}
	lost, w := begun(t, suspended, "lost", p), begun(t, st, "b")
	looks := 0
	got, err := st.Claim(t.Context(), "b", []store.Fingerprint{p})
	for ; errors.Is(err, store.ErrClaimed) && looks < 20; looks++ {
		beat(t, st)
		got, err = st.Claim(t.Context(), "b", []store.Fingerprint{p})
	}
	if d := cmp.Diff([]string{""}, got); d != "" || err != nil {
		t.Fatal(d, err)
	}
	if looks < 4 || looks > 5 {
		t.Errorf("taken after %d looks", looks)
	}
	beat(t, suspended)
	if err := lost.Write(t.Context(), nil); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Write of a Writer that lost its batch: got %v, want %v", err, store.ErrNotFound)
	}
	if _, err := lost.Commit(t.Context(), store.Batch{}, nil); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Commit of a Writer that lost its batch: got %v, want %v", err, store.ErrNotFound)
	}
	if err := lost.Abort(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := w.Commit(t.Context(), store.Batch{}, nil); err != nil {
		t.Error(err)
	}
	owners, err := st.Owners(t.Context(), []store.Fingerprint{p})
	if d := cmp.Diff([]string{"b"}, owners); d != "" || err != nil {
		t.Error(d, err)
	}
}

// The clocks stand still, years apart.
func TestAProcessKeepsTheClaimsOfItsWriters(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.db")
	owner, other := openedStill(t, path, 2026), openedStill(t, path, 2031)
	p := []store.Fingerprint{{1}}
	w := begun(t, owner, "a", p...)
	begun(t, other, "b")
	for what, call := range map[string]func() error{
		"nothing":  func() error { return owner.Beat(t.Context()) },
		"Claim":    func() error { _, err := owner.Claim(t.Context(), "a", p); return err },
		"AddOwner": func() error { return owner.AddOwner(t.Context(), "a", store.Fingerprint{2}) },
	} {
		for range 10 {
			if err := call(); err != nil {
				t.Fatal(err)
			}
			beat(t, other)
			if _, err := other.Claim(t.Context(), "b", p); !errors.Is(err, store.ErrClaimed) {
				t.Errorf("Claim beside a Writer that calls %s: got %v, want %v", what, err, store.ErrClaimed)
			}
		}
	}
	for range 10 { // of its own process
		beat(t, other, owner)
	}
	begun(t, owner, "c")
	if _, err := owner.Claim(t.Context(), "c", p); !errors.Is(err, store.ErrClaimed) {
		t.Errorf("Claim in the process of the Writer: got %v, want %v", err, store.ErrClaimed)
	}
	if _, err := w.Commit(t.Context(), store.Batch{}, nil); err != nil {
		t.Error(err)
	}
}

func TestPruneSweepsTheClaimsOfBatchesThatAreGone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.db")
	st := opened(t, path)
	st.UseSmallLeaves()
	fps := make([]store.Fingerprint, 1100)
	somePrints(testRand(), fps)
	begun(t, st, "lost", fps[900:1000]...)
	if err := begun(t, st, "aborted", fps[1000:]...).Abort(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := range 9 {
		w := begun(t, st, strconv.Itoa(i), fps[100*i:100*i+100]...)
		if _, err := w.Commit(t.Context(), store.Batch{Created: time.Now()}, nil); err != nil {
			t.Fatal(err)
		}
		if err := st.SetStatus(t.Context(), strconv.Itoa(i), store.Statuses(), store.Completed, ""); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 8 {
		if err := st.DeleteBatch(t.Context(), strconv.Itoa(i)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := st.Prune(t.Context(), store.PruneQuery{Before: time.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	db := direct(t, path)
	if n := query[int](t, db, "SELECT sum(claims) FROM levels"); n != 100 {
		t.Errorf("%d claims are left, want 100", n)
	}
	if n := query[int](t, db, "SELECT count(*) FROM freed"); n != 0 {
		t.Errorf("%d batches wait to be swept after Prune", n)
	}
	want := make([]string, len(fps))
	for i := range 100 {
		want[800+i] = "8"
	}
	got, err := st.Owners(t.Context(), fps)
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Error(d, err)
	}
}

// However many fingerprints are claimed, and are known, a transaction reads and
// changes a few leaves, so that others can write in between.
func TestATransactionOfAClaimIsSmall(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.db")
	st := opened(t, path)
	st.UseSmallLeaves()
	fps := make([]store.Fingerprint, 3000)
	somePrints(testRand(), fps)
	begun(t, st, "a", fps...)
	db := direct(t, path)
	leaves := query[int](t, db, "SELECT count(*) FROM fingerprints")
	sorted, _ := fingerprints.Distinct(fps)
	n, err := st.ClaimOnce(t.Context(), "a", sorted)
	if err != nil || n < 1 || n > len(fps)/20 {
		t.Errorf("one transaction has looked for %d fingerprints of %d in %d leaves, %v", n, len(fps), leaves, err)
	}
	more := make([]store.Fingerprint, 1000)
	somePrints(testRand(), more) // some are claimed already
	for i := range more {
		more[i][15]++
	}
	sorted, _ = fingerprints.Distinct(more)
	for len(sorted) > 0 {
		n, err := st.ClaimOnce(t.Context(), "a", sorted[:min(16, len(sorted))])
		if err != nil {
			t.Fatal(err)
		}
		sorted = sorted[n:]
	}
	moves := 0
	for full := true; full; moves++ {
		before := query[int](t, db, "SELECT max(id) FROM fingerprints")
		if full, err = st.MoveOnce(t.Context()); err != nil {
			t.Fatal(err)
		}
		if wrote := query[int](t, db, "SELECT max(id) FROM fingerprints") - before; wrote > 50 {
			t.Errorf("one transaction has written %d leaves", wrote)
		}
	}
	if moves < 10 {
		t.Errorf("%d transactions have moved %d fingerprints", moves, len(more))
	}
}

// Rows in the order of time are in few leaves, so they are written there at once,
// however many levels there are.
func TestClaimsInOrderAreWrittenOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.db")
	st := opened(t, path)
	st.UseSmallLeaves()
	fps := make([]store.Fingerprint, 2000)
	somePrints(testRand(), fps)
	begun(t, st, "a")
	for some := range slices.Chunk(fps, 50) { // in no order
		if _, err := st.Claim(t.Context(), "a", some); err != nil {
			t.Fatal(err)
		}
	}
	db := direct(t, path)
	lowest := query[int](t, db, "SELECT max(level) FROM levels")
	if lowest < 2 {
		t.Fatalf("the lowest level is %d", lowest)
	}
	const claims = "SELECT coalesce(group_concat(level || ': ' || claims, ', '), '') FROM (SELECT level, claims FROM levels WHERE level < (SELECT max(level) FROM levels) ORDER BY level)"
	before := query[string](t, db, claims)
	next := make([]store.Fingerprint, 100)
	for i := range next {
		next[i] = store.Fingerprint{0xff, 0xff, 0xff, 0xff, byte(i)}
	}
	for at := 0; at < len(next); at += 20 {
		got, err := st.Claim(t.Context(), "a", next[at:at+20])
		if d := cmp.Diff(make([]string, 20), got); d != "" || err != nil {
			t.Fatal(d, err)
		}
	}
	if after := query[string](t, db, claims); after != before {
		t.Errorf("claims in order are in the levels %s, before %s", after, before)
	}
}

func TestADamagedLeafIsAnError(t *testing.T) {
	for what, data := range map[string]string{
		"nothing":                      "x''",
		"no batch":                     "x'00'",
		"batches that end":             "x'0301'",
		"no print":                     "x'0101'",
		"more bytes than fingerprints": "x'010101'",
		"a place after the last":       "CAST(x'02' || x'01' || x'02' || zeroblob(16) || x'02' AS BLOB)",
		"a number that does not end":   "x'0180'",
		"a number of batches too high": "x'ffffff7f'",
	} {
		t.Run(what, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "events.db")
			st := opened(t, path)
			begun(t, st, "a", store.Fingerprint{})
			execute(t, direct(t, path), "UPDATE fingerprints SET data = "+data)
			if _, err := st.Owners(t.Context(), []store.Fingerprint{{}}); err == nil {
				t.Error("Owners: want an error")
			}
			if _, err := st.Claim(t.Context(), "a", []store.Fingerprint{{}}); err == nil {
				t.Error("Claim: want an error")
			}
		})
	}
}
