package sqlitestore_test

import (
	"fmt"
	"iter"
	"path/filepath"
	"testing"

	"github.com/eventmetrics/eventmetrics/store"
)

// chunk is the content of an attachment.
func chunk(text string) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) { yield([]byte(text), nil) }
}

func TestNothingIsLeftOfErasuresAndReplacedAttachments(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.db")
	st, events, db := opened(t, path), someEvents(100_000), direct(t, path)
	fill(t, st, "a", events, 1)
	blocks := query[int](t, db, "SELECT count(*) FROM blocks")
	after := ""
	for i := range 3 {
		e := store.Erasure{ID: fmt.Sprint("erasure ", i), After: after, Field: "test_id", Value: events[i].Field("test_id")}
		if n, err := st.Erase(t.Context(), "a", e); err != nil || n == 0 {
			t.Fatalf("Erase: %d, %v", n, err)
		}
		if err := st.ReplaceAttachment(t.Context(), "a", "kept "+e.ID, chunk("some")); err != nil {
			t.Fatal(err)
		}
		if err := st.ReplaceAttachment(t.Context(), "a", "kept "+after, func(func([]byte, error) bool) {}); err != nil {
			t.Fatal(err)
		}
		after = e.ID
		for table, want := range map[string]int{"blocks": blocks, "unfinished": 0, "attachments": 1} {
			if n := query[int](t, db, "SELECT count(*) FROM "+table); n != want {
				t.Errorf("%s has %d rows after an erasure, want %d", table, n, want)
			}
		}
	}
	if err := st.SetStatus(t.Context(), "a", store.Statuses(), store.Completed, ""); err != nil {
		t.Fatal(err)
	}
	if err := st.PurgeEvents(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if n := query[int](t, db, "SELECT count(*) FROM blocks"); n != 0 {
		t.Errorf("there are %d blocks after Seal", n)
	}
	fill(t, st, "b", events[:100], 1)
	if _, err := st.Erase(t.Context(), "b", store.Erasure{ID: "one", Field: "test_id", Value: events[0].Field("test_id")}); err != nil {
		t.Fatal(err)
	}
	if err := st.Archive(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if err := st.DeleteBatch(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"blocks", "unfinished", "attachments"} {
		if n := query[int](t, db, "SELECT count(*) FROM "+table); n != 0 {
			t.Errorf("%s has %d rows after Archive and DeleteBatch", table, n)
		}
	}
}
