package sqlitestore_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/sqlitestore"
)

// disk is a file system whose free space a test sets.
type disk struct{ free atomic.Int64 }

const diskReserve = 8 << 20

func openedOn(t testing.TB, d *disk, path string) *sqlitestore.Store {
	t.Helper()
	return openedWith(t, path, &sqlitestore.Options{
		Reserve:   diskReserve,
		FreeSpace: func() (free, total int64, err error) { return d.free.Load(), 1 << 40, nil },
	})
}

// tryUpload writes a batch and returns the first error.
func tryUpload(ctx context.Context, st store.Store, id string, events []metrics.Event, times int) error {
	w, err := st.Begin(ctx, id)
	if err != nil {
		return err
	}
	defer w.Abort(context.WithoutCancel(ctx))
	for range times {
		for part := range slices.Chunk(events, 1024) {
			if err := w.Write(ctx, part); err != nil {
				return err
			}
		}
	}
	_, err = w.Commit(ctx, store.Batch{Created: time.Now()}, nil)
	return err
}

func TestUploadsLeaveAReserve(t *testing.T) {
	var d disk
	d.free.Store(1 << 30)
	path := filepath.Join(t.TempDir(), "events.db")
	st, events := openedOn(t, &d, path), someEvents(100_000)
	fill(t, st, "a", events, 4)
	counts := aContribution(testRand(), 20_000, 3, 4, 900)

	d.free.Store(diskReserve - 1)
	if err := tryUpload(t.Context(), st, "b", events, 1); !errors.Is(err, store.ErrFull) || !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("an upload on a full disk: got %v, want %v", err, store.ErrFull)
	}
	if err := st.Ping(t.Context()); !errors.Is(err, store.ErrFull) {
		t.Errorf("Ping: got %v, want %v", err, store.ErrFull)
	}
	for name, err := range map[string]error{
		"SetStatus": st.SetStatus(t.Context(), "a", store.Statuses(), store.Processing, ""),
		"Record":    st.Record(t.Context(), "a", counts),
		"Amend":     st.Amend(t.Context(), "a", counts),
	} {
		if err != nil {
			t.Errorf("%s on a full disk: %v", name, err)
		}
	}
	if got := dailies(t, st, metrics.Filter{}); len(got) == 0 {
		t.Error("no query is answered")
	}
	if err := st.DeleteBatch(t.Context(), "a"); err != nil {
		t.Error(err)
	}

	// The pages of the deleted batch are free, and so can be used.
	if err := st.Ping(t.Context()); err != nil {
		t.Errorf("Ping with free pages: %v", err)
	}
	if err := tryUpload(t.Context(), st, "c", events[:1000], 1); err != nil {
		t.Errorf("a small upload into free pages: %v", err)
	}
	info, err := os.Stat(path + "-wal")
	if err != nil || info.Size() > 2<<20 {
		t.Errorf("the log of a full disk has %d bytes, %v", info.Size(), err)
	}
	d.free.Store(1 << 30)
	if err := tryUpload(t.Context(), st, "d", events, 2); err != nil {
		t.Errorf("with room again: %v", err)
	}
}

func TestAnUploadThatFillsTheDiskGivesItBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.db")
	var d disk
	d.free.Store(1 << 30)
	st, events := openedOn(t, &d, path), someEvents(200_000)
	db := direct(t, path)
	used := func() int64 {
		return query[int64](t, db, "SELECT page_count - freelist_count FROM pragma_page_count, pragma_freelist_count")
	}
	before := used()
	w, err := st.Begin(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; err == nil && n < 100; n++ {
		if n == 2 {
			d.free.Store(diskReserve / 4)
		}
		err = w.Write(t.Context(), events)
	}
	if !errors.Is(err, store.ErrFull) || !strings.Contains(err.Error(), "2097152 bytes of disk space are free, and uploads leave 8388608") {
		t.Fatalf("an upload during which the disk fills: got %v, want %v in words", err, store.ErrFull)
	}
	if used() <= before {
		t.Fatal("nothing was written")
	}
	if err := w.Abort(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := used(); got > before+1 {
		t.Errorf("%d pages are used after Abort, and %d before the upload", got, before)
	}
}

// What cannot be deleted at once is deleted when it can.
func TestLeftoversOfAFullDiskAreDeletedByTheNextUpload(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.db")
	st, db := opened(t, path), direct(t, path)
	w, err := st.Begin(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Attach(t.Context(), "x", make([]byte, 600<<10)); err != nil {
		t.Fatal(err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if err := w.Abort(ended); err == nil {
		t.Fatal("Abort with an ended context: want an error")
	}
	if n := query[int](t, db, "SELECT count(*) FROM attachments"); n == 0 {
		t.Fatal("nothing was written")
	}
	upload(t, st, "b")
	got := [2]int{query[int](t, db, "SELECT count(*) FROM attachments"), query[int](t, db, "SELECT count(*) FROM unfinished")}
	if d := cmp.Diff([2]int{}, got); d != "" {
		t.Errorf("rows of attachments and unfinished: %s", d)
	}
}

// A real disk, filled by the store to its reserve, and then by another program
// to the last byte.
func TestAFullDiskIsSurvived(t *testing.T) {
	dir := testenv.Tmpfs(t, 12<<20)
	path := filepath.Join(dir, "events.db")
	st, events := opened(t, path), someEvents(100_000)
	fill(t, st, "a", events[:20_000], 1)
	if err := st.Record(t.Context(), "a", aContribution(testRand(), 20_000, 3, 4, 900)); err != nil {
		t.Fatal(err)
	}
	want := dailies(t, st, metrics.AllParts())
	if err := tryUpload(t.Context(), st, "great", events, 200); !errors.Is(err, store.ErrFull) {
		t.Fatalf("got %v, want %v", err, store.ErrFull)
	}
	if err := tryUpload(t.Context(), st, "small", events[:20_000], 1); err != nil {
		t.Errorf("a small upload after a great one that failed: %v", err)
	}

	release := testenv.FillDisk(t, dir)
	if err := tryUpload(t.Context(), st, "none", events, 3); !errors.Is(err, store.ErrFull) {
		t.Errorf("an upload on a disk without a free byte: got %v, want %v", err, store.ErrFull)
	}
	if err := st.Ping(t.Context()); !errors.Is(err, store.ErrFull) {
		t.Errorf("Ping: got %v, want %v", err, store.ErrFull)
	}
	if err := st.SetStatus(t.Context(), "a", store.Statuses(), store.Queued, ""); err != nil && !errors.Is(err, store.ErrFull) {
		t.Errorf("SetStatus: %v", err)
	}
	if d := cmp.Diff(want, dailies(t, st, metrics.AllParts())); d != "" {
		t.Errorf("answers on a full disk: %s", d)
	}

	release()
	if err := tryUpload(t.Context(), st, "after", events[:20_000], 1); err != nil {
		t.Errorf("with room again: %v", err)
	}
	if err := st.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	if err := st.SetStatus(t.Context(), "a", store.Statuses(), store.Completed, ""); err != nil {
		t.Error(err)
	}
	if d := cmp.Diff(want, dailies(t, st, metrics.AllParts())); d != "" {
		t.Errorf("answers with room again: %s", d)
	}
	if got := query[string](t, direct(t, path), "PRAGMA integrity_check"); got != "ok" {
		t.Errorf("integrity check: %s", got)
	}
}
