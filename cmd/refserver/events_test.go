package main

import (
	"bytes"
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/mongostore"
	"github.com/eventmetrics/eventmetrics/store/sqlitestore"
)

// openStore is a store that can be closed.
type openStore interface {
	store.Store
	Close() error
}

func TestEventsOfABatchArePrinted(t *testing.T) {
	dir, uri := t.TempDir(), testenv.Mongo(t) // before the directory changes, in which its server is looked for
	t.Chdir(t.TempDir())
	for name, tc := range map[string]struct {
		env  []string
		open func(context.Context) (openStore, error)
	}{
		"SQLite": {[]string{"DATA_DIR", dir}, func(ctx context.Context) (openStore, error) {
			return sqlitestore.Open(ctx, filepath.Join(dir, "events.db"), nil)
		}},
		"MongoDB with blocks": {[]string{"MONGO_URI", uri}, func(ctx context.Context) (openStore, error) {
			return mongostore.Open(ctx, uri, &mongostore.Options{Events: mongostore.Blocks})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			st, err := tc.open(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			id := store.NewID(time.Now())
			w, err := st.Begin(t.Context(), id)
			if err == nil {
				err = w.Write(t.Context(), []metrics.Event{
					{Row: 1, Type: "a", Time: time.Unix(1, 5e8).UTC(), Fields: []metrics.Field{{Name: "candidate_id", Value: "C,1"}, {Name: "x", Value: "1"}, {Name: "x", Value: "2"}}},
					{Row: 3, ID: "7", Type: "b", Time: time.Unix(0, 0).UTC(), Fields: []metrics.Field{{Name: "candidate_id", Value: "C2"}, {Name: "note", Value: "n"}}},
				})
			}
			if err == nil {
				_, err = w.Commit(t.Context(), store.Batch{Created: time.Now()}, nil)
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := st.Close(); err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			if err := run(t.Context(), quiet(&out, tc.env...), []string{"events", id}); err != nil {
				t.Fatal(err)
			}
			want := "candidate_id,x,x,note,event_id,event_type,timestamp\n" +
				"\"C,1\",1,2,,,a,1970-01-01T00:00:01.5Z\n" +
				"C2,,,n,7,b,1970-01-01T00:00:00Z\n"
			if d := cmp.Diff(want, out.String()); d != "" {
				t.Error(d)
			}
			if err := run(t.Context(), quiet(&out, tc.env...), []string{"events", store.NewID(time.Now())}); err == nil {
				t.Error("printed a batch that does not exist")
			}
		})
	}
}
