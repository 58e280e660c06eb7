package sqlitestore_test

import (
	"context"
	"errors"
	"flag"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/internal/test/audittest"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/sqlitestore"
)

var (
	flips    = flag.Int("flips", 250, "number of damaged files; 1000 take about two minutes")
	flipSeed = flag.Uint64("flipseed", 1, "seed of the damage")
)

// Each damaged bit ends in an error, in a finding of the audit or in a right
// answer: before a reprocess and after it.
func TestNoFlippedBitChangesAnAnswerInSilence(t *testing.T) {
	f := newFlipper(t)
	n := *flips
	if testing.Short() {
		n /= 10
	}
	results := map[string]int{}
	for i := range n {
		rng := rand.New(rand.NewPCG(*flipSeed, uint64(i)))
		name, at, bit := f.choose(rng)
		result, wrong := f.try(t, at, bit)
		results[result]++
		if len(wrong) > 0 {
			t.Errorf("flip %d, bit %d of byte %d (page %d, %s): %s, but wrong: %s", i, bit, at, at/f.pageSize+1, name, result, wrong)
		}
	}
	t.Logf("%v", results)
	if n >= 100 && (results["finding"] == 0 || results["error"] == 0) {
		t.Errorf("the flips found nothing: %v", results)
	}
}

// flipper has a sound file and its answers.
type flipper struct {
	dir      string
	file     []byte
	pageSize int
	pages    map[string][]int // by table or index
	names    []string
	judge    *audittest.Judge
}

func newFlipper(t *testing.T) *flipper {
	f := &flipper{dir: t.TempDir(), pages: map[string][]int{}}
	path := filepath.Join(f.dir, "sound.db")
	st, err := sqlitestore.Open(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	st.UseSmallLeaves()
	ask := audittest.Questions{
		Keys: []string{"salt", "salt again"}, KeysAt: time.Now(), Attachments: []string{"errors", "warnings", "repair", "read_as"}, AsOf: f.fill(t, st),
		Day: metrics.DayOf(time.Date(2025, 11, 8, 0, 0, 0, 0, time.UTC)), Type: "plain_1", Prints: someFingerprints(0, 200),
	}
	judge, audit := audittest.NewJudge(t, st, &ask)
	if audit.Total.Parts < 8 {
		t.Fatalf("a sound store: %+v", audit)
	}
	f.judge = judge
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	db := direct(t, path)
	f.pageSize = query[int](t, db, "PRAGMA page_size")
	rows, err := db.QueryContext(t.Context(), "SELECT name, pageno FROM dbstat ORDER BY name, pageno")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		var page int
		if err := rows.Scan(&name, &page); err != nil {
			t.Fatal(err)
		}
		f.pages[name] = append(f.pages[name], page)
	}
	if err := rows.Err(); err != nil || len(f.pages) < 25 {
		t.Fatalf("%d tables and indexes, %v", len(f.pages), err)
	}
	f.names = slices.Sorted(maps.Keys(f.pages))
	if f.file, err = os.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	return f
}

// fill adds batches of all kinds.
func (f *flipper) fill(t *testing.T, st *sqlitestore.Store) (asOf time.Time) {
	h, stop := begunHistory(t, st, "salt")
	defer stop()
	ctx, lose := context.WithCancel(t.Context())
	defer lose()
	h.process(h.upload(eventmetrics.File{Name: "plain.csv"}, h.rows(0, 60, "plain")))
	h.process(h.upload(eventmetrics.File{Name: "first.csv", Dedupe: eventmetrics.DedupeOccurrence, IdempotencyKey: h.salt}, h.rows(0, 50, "dedupe")))
	h.upload(eventmetrics.File{IdempotencyKey: h.salt + " again"}, h.rows(0, 60, "plain"))
	bad := h.rows(0, 10, "bad") + "C1,T1,bad_1,never,DE,x\nC2,T1,,2025-11-08T00:00:00Z,DE,y\n"
	original := h.process(h.upload(eventmetrics.File{Name: "bad.csv"}, bad))
	h.process(h.upload(eventmetrics.File{Name: "repair.csv", RepairOf: original}, historyHeader+"C1,T1,bad_1,2025-11-09T00:00:00Z,DE,"+h.salt+"\n"))
	asOf = time.Now()
	h.removed()
	h.upload(eventmetrics.File{Name: "waiting.csv"}, h.rows(600, 60, "waiting"))
	id := store.NewID(time.Now())
	w, err := st.Begin(ctx, id)
	h.ok(err)
	_, err = st.Claim(ctx, id, someFingerprints(0, 150))
	h.ok(err)
	_, err = w.Commit(ctx, store.Batch{FileName: "claimed", Created: time.Now()}, nil)
	h.ok(err)
	w, err = st.Begin(ctx, store.NewID(time.Now())) // a process that was lost
	h.ok(err)
	h.ok(w.Attach(ctx, "errors", []byte("text")))
	return asOf
}

// choose returns a bit of the file: of a random table or index, mostly where
// there is something.
func (f *flipper) choose(rng *rand.Rand) (name string, at int, bit uint) {
	name = f.names[rng.IntN(len(f.names))]
	page := f.pages[name][rng.IntN(len(f.pages[name]))] - 1
	content := f.file[page*f.pageSize : (page+1)*f.pageSize]
	for range 1000 {
		i := rng.IntN(f.pageSize)
		if content[i] != 0 || i > 0 && content[i-1] != 0 {
			at = page*f.pageSize + i
			break
		}
	}
	return name, at, uint(rng.IntN(8))
}

// try opens a file with a flipped bit, and returns what it ends in and which
// answers are wrong in silence.
func (f *flipper) try(t *testing.T, at int, bit uint) (result string, wrong []string) {
	t.Helper()
	path := filepath.Join(f.dir, "damaged.db")
	for _, suffix := range []string{"-wal", "-shm"} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
	file := slices.Clone(f.file)
	file[at] ^= 1 << bit
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	st, err := sqlitestore.Open(t.Context(), path, nil)
	if err != nil {
		return "error", nil
	}
	defer st.Close()
	return f.judge.Judge(t.Context(), st, func() {})
}
