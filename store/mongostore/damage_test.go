package mongostore_test

import (
	"errors"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/eventmetrics/eventmetrics/internal/test/audittest"
	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
	"github.com/eventmetrics/eventmetrics/ledger"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

// Whatever of a batch is damaged: it can be deleted, and then all is right again.
func TestADamagedBatchCanBeDeleted(t *testing.T) {
	set := func(member string, value any) bson.D {
		return bson.D{{Key: "$set", Value: bson.D{{Key: member, Value: value}}}}
	}
	for name, damage := range map[string]func(t *testing.T, db *mongo.Database, id string) error{
		"its document": func(t *testing.T, db *mongo.Database, id string) error {
			_, err := db.Collection("batches").UpdateByID(t.Context(), id, set("file_name", "other"))
			return err
		},
		"its status": func(t *testing.T, db *mongo.Database, id string) error {
			_, err := db.Collection("batches").UpdateByID(t.Context(), id, set("status", "complethd"))
			return err
		},
		"its entry": func(t *testing.T, db *mongo.Database, id string) error {
			_, err := db.Collection("contributions").UpdateByID(t.Context(), id, set("revision", "other"))
			return err
		},
		"what is folded of it": func(t *testing.T, db *mongo.Database, id string) error {
			_, err := db.Collection("contributions").UpdateByID(t.Context(), id, set("folded", ""))
			return err
		},
		"its entry, which is lost": func(t *testing.T, db *mongo.Database, id string) error {
			_, err := db.Collection("contributions").DeleteOne(t.Context(), bson.D{{Key: "_id", Value: id}})
			return err
		},
		"a share": func(t *testing.T, db *mongo.Database, id string) error {
			_, err := db.Collection("shares").UpdateOne(t.Context(), bson.D{{Key: "batch_id", Value: id}}, set("slots", bson.Binary{Data: []byte("x")}))
			return err
		},
		"a share, which is lost": func(t *testing.T, db *mongo.Database, id string) error {
			_, err := db.Collection("shares").DeleteOne(t.Context(), bson.D{{Key: "batch_id", Value: id}})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			uri := testenv.Mongo(t)
			f := filler{t: t, st: opened(t, uri), now: time.Now}
			id, other := f.batch(store.Batch{}, false), f.batch(store.Batch{}, false)
			foldAll(t, f.st)
			f.ok(damage(t, database(t, uri), id))

			st := opened(t, uri)
			if _, err := st.Contribution(t.Context(), id); !errors.Is(err, metrics.ErrCorrupt) {
				t.Errorf("Contribution: got %v, want %v", err, metrics.ErrCorrupt)
			}
			if all := must(audittest.Complete(t.Context(), st)); !names(&all, id) {
				t.Errorf("the audit finds nothing of the batch: %+v", all)
			}
			f.ok(st.DeleteBatch(t.Context(), id))
			l := ledger.New(st, &ledger.Options{Sums: audittest.Sums})
			if _, err := l.Reprocess(t.Context()); err != nil {
				t.Fatal(err)
			}
			st.FoldJournal(t.Context())
			if all := must(audittest.Complete(t.Context(), st)); !all.OK {
				t.Errorf("after the deletion the audit finds %+v", all)
			}
			dailyIs(t, st, must(st.Contribution(t.Context(), other)))
			left(t, uri, id, "batches events attachments fingerprints", 0)
		})
	}
}
