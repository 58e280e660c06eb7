package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
)

const legacyBatch = "11111111-2222-4333-8444-555555555555"

// original returns the URI of a database of the original service, with a batch
// of two events.
func original(t *testing.T) string {
	t.Helper()
	uri := testenv.Mongo(t)
	client, err := mongo.Connect(options.Client().ApplyURI(uri))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Disconnect(context.WithoutCancel(t.Context())) }()
	path, _, _ := strings.Cut(uri, "?")
	db := client.Database(path[strings.LastIndex(path, "/")+1:])
	at := time.Date(2025, 11, 8, 9, 0, 0, 0, time.UTC)
	var events []any
	for i := range 2 {
		events = append(events, bson.D{
			{Key: "_id", Value: bson.NewObjectID()},
			{Key: "event_id", Value: fmt.Sprint("e", i)},
			{Key: "batch_id", Value: legacyBatch},
			{Key: "candidate_id", Value: "C1"},
			{Key: "test_id", Value: "T1"},
			{Key: "event_type", Value: "started"},
			{Key: "timestamp", Value: at},
			{Key: "processed", Value: true},
			{Key: "created_at", Value: at},
			{Key: "__v", Value: int32(0)},
		})
	}
	for collection, docs := range map[string][]any{
		"events": events,
		"batches": {bson.D{
			{Key: "_id", Value: bson.NewObjectID()},
			{Key: "batch_id", Value: legacyBatch},
			{Key: "file_name", Value: "old.csv"},
			{Key: "total_events", Value: int32(2)},
			{Key: "status", Value: "completed"},
			{Key: "created_at", Value: at},
			{Key: "updated_at", Value: at},
			{Key: "__v", Value: int32(0)},
		}},
	} {
		if _, err := db.Collection(collection).InsertMany(t.Context(), docs); err != nil {
			t.Fatal(err)
		}
	}
	return uri
}

func TestImportedDataIsServed(t *testing.T) {
	from, dir := original(t), t.TempDir()
	for _, tc := range []struct {
		name string
		env  []string
	}{
		{"embedded", []string{"DATA_DIR", dir}},
		{"MongoDB and Redis", []string{"MONGO_URI", testenv.Mongo(t), "REDIS_URL", testenv.Redis(t).URL}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, first := range []string{"imported now", "imported by an earlier run"} {
				var out bytes.Buffer
				err := run(t.Context(), quiet(&out, append(tc.env, "LOG_LEVEL", "error")...), []string{"import-legacy", "-from", from})
				if err != nil {
					t.Fatal(err)
				}
				for _, line := range []string{
					"1  batches of the original", "1  " + first, "2  events in completed batches", `  "2025-11-08" "started": original 0, recount 2`,
				} {
					if !strings.Contains(out.String(), line+"\n") {
						t.Errorf("the report lacks %q:\n%s", line, &out)
					}
				}
			}
			var pairs []string
			for i := 0; i < len(tc.env); i += 2 {
				pairs = append(pairs, tc.env[i]+"="+tc.env[i+1])
			}
			s := startServer(t, dir, pairs...)
			want := `{"count":1,"data":[{"date":"2025-11-08","metrics":[{"event_type":"started","count":2}]}]}` + "\n"
			if d := cmp.Diff(want, s.get("/metrics")); d != "" {
				t.Error(d)
			}
			if list := s.get("/batches"); !strings.Contains(list, `"file_name":"old.csv"`) {
				t.Errorf("batches are %s", list)
			}
		})
	}
}

func TestImportThatCannotBe(t *testing.T) {
	from, dir := original(t), t.TempDir()
	running := startServer(t, dir)
	cases := []struct {
		name, want string
		args, env  []string
	}{
		{"no source", "LEGACY_MONGO_URI (-from): want mongodb://", nil, nil},
		{"no such choice", "LEGACY_PROCESS (-process)", []string{"-from", from, "-process", "some"}, nil},
		{"the source is the target", "same database", []string{"-from", from}, []string{"MONGO_URI", from}},
		{"the target is another original", "belongs to another program", []string{"-from", from}, []string{"MONGO_URI", original(t)}},
		{"the source is empty", "neither events nor batches", []string{"-from", testenv.Mongo(t)}, nil},
		{"a server runs", "in use by a running server; stop it, or set another DATA_DIR", []string{"-from", from}, []string{"DATA_DIR", dir}},
		{"an unknown argument", "unknown argument", []string{"-from", from, "again"}, nil},
	}
	t.Chdir(t.TempDir()) // without an .env, and without what testenv looks for
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			var out bytes.Buffer
			err := run(t.Context(), quiet(&out, append([]string{"LOG_LEVEL", "error", "DATA_DIR", t.TempDir()}, tc.env...)...), append([]string{"import-legacy"}, tc.args...))
			if err == nil || !strings.Contains(err.Error(), tc.want) || out.Len() > 0 {
				t.Errorf("got %v, want %q; the report is %q", err, tc.want, &out)
			}
		})
	}
	running.get("/batches") // it was not disturbed
}

func TestImportIsASubcommand(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := run(t.Context(), quiet(io.Discard), []string{"import-legacy", "-h"}); err != nil {
		t.Error(err)
	}
	err := run(t.Context(), quiet(io.Discard), []string{"import-legacy"})
	if err == nil || !strings.Contains(err.Error(), "-from") {
		t.Errorf("without a source: %v", err)
	}
}
