package mongostore_test

import (
	"bytes"
	"context"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"

	"github.com/eventmetrics/eventmetrics/internal/test/audittest"
	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
	"github.com/eventmetrics/eventmetrics/ledger"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/mongostore"
)

// missing is a network on which every other delete of many documents misses all
// but one, as one that runs beside a migration of chunks may.
type missing struct {
	net.Dialer
	deletes, missed atomic.Int64
}

func (m *missing) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := m.Dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return missingConn{conn, m}, nil
}

type missingConn struct {
	net.Conn
	m *missing
}

func (c missingConn) Write(b []byte) (int, error) {
	all, one := []byte("\x10limit\x00\x00\x00\x00\x00"), []byte("\x10limit\x00\x01\x00\x00\x00")
	if bytes.Contains(b, []byte("\x02delete\x00")) && bytes.Contains(b, all) && c.m.deletes.Add(1)%2 == 1 {
		c.m.missed.Add(1)
		b = bytes.Replace(b, all, one, 1)
	}
	return c.Conn.Write(b)
}

// left fails the test if collections have another number of documents of a batch.
func left(t *testing.T, uri, id, collections string, want int64) {
	t.Helper()
	for name := range strings.FieldsSeq(collections) {
		filter := bson.D{{Key: "batch_id", Value: id}}
		if name == "groups" || name == "shares" {
			filter = bson.D{{Key: "_id", Value: bson.D{{Key: "$gte", Value: id + "/"}, {Key: "$lt", Value: id + "0"}}}}
		}
		if n, err := database(t, uri).Collection(name).CountDocuments(t.Context(), filter); n != want || err != nil {
			t.Errorf("%s has %d documents of the batch, want %d; %v", name, n, want, err)
		}
	}
}

func TestNothingIsLeftWhenDeletesMissDocuments(t *testing.T) {
	for _, layout := range layouts {
		t.Run(string(layout), func(t *testing.T) { nothingIsLeftWhenDeletesMiss(t, layout) })
	}
}

func nothingIsLeftWhenDeletesMiss(t *testing.T, layout mongostore.EventsLayout) {
	uri, m := testenv.Mongo(t), &missing{}
	st := openSeen(t, uri, m, func(context.Context, *event.CommandStartedEvent) {})
	f := filler{t: t, st: openedWith(t, uri, &mongostore.Options{Events: layout}), now: time.Now}
	f.st.StopFolding()
	deleted := f.batch(store.Batch{IdempotencyKey: "key", KeyExpires: time.Now().Add(time.Hour)}, false)
	purged, erased, pruned := f.batch(store.Batch{}, false), f.batch(store.Batch{}, false), f.batch(store.Batch{}, true)
	st.FoldJournal(t.Context())

	f.ok(st.DeleteBatch(t.Context(), deleted))
	st.FoldJournal(t.Context())
	left(t, uri, deleted, "batches events blocks attachments fingerprints keys shares groups", 0)

	f.ok(st.PurgeEvents(t.Context(), purged))
	left(t, uri, purged, "events blocks", 0)
	f.ok(st.Archive(t.Context(), purged))
	left(t, uri, purged, "attachments", 0)

	n, err := st.Erase(t.Context(), erased, store.Erasure{ID: "one", Field: "candidate_id", Value: "C1"})
	f.ok(err)
	f.ok(st.ReplaceAttachment(t.Context(), erased, "errors", chunk("new")))
	if layout == mongostore.Blocks {
		left(t, uri, erased, "blocks", 1)
	} else {
		left(t, uri, erased, "events", 8-n)
	}
	left(t, uri, erased, "attachments", 2)

	if p, err := st.Prune(t.Context(), store.PruneQuery{Before: time.Now().Add(time.Hour)}); p.Batches != 1 || err != nil {
		t.Errorf("Prune: %+v, %v", p, err)
	}
	left(t, uri, pruned, "batches events blocks attachments fingerprints", 0)
	if m.missed.Load() < 10 {
		t.Errorf("only %d deletes have missed documents", m.missed.Load())
	}
	if all := must(audittest.Complete(t.Context(), st)); len(all.Damages)+len(all.Unreadable)+len(all.WrongDays) > 0 {
		t.Errorf("the audit finds %+v", all)
	}
}

// Documents may come back: a server that was away has them still.
func TestTheAuditFindsWhatCameBack(t *testing.T) {
	for _, layout := range layouts {
		t.Run(string(layout), func(t *testing.T) { theAuditFindsWhatCameBack(t, layout) })
	}
}

func theAuditFindsWhatCameBack(t *testing.T, layout mongostore.EventsLayout) {
	uri := testenv.Mongo(t)
	st, db := openedWith(t, uri, &mongostore.Options{Events: layout}), database(t, uri)
	f := filler{t: t, st: st, now: time.Now}
	events, filter := db.Collection("events"), bson.D{{Key: "candidate_id", Value: "C1"}}
	if layout == mongostore.Blocks {
		events, filter = db.Collection("blocks"), bson.D{}
	}
	var came []string
	for what, remove := range map[string]func(id string) error{
		"deleted":  func(id string) error { return st.DeleteBatch(t.Context(), id) },
		"purged":   func(id string) error { return st.PurgeEvents(t.Context(), id) },
		"erased":   func(id string) error { return eraseC1(t, st, id) },
		"no trace": func(id string) error { return forgetBatch(t, uri, st, id) },
	} {
		id := f.batch(store.Batch{}, false)
		var was []bson.Raw
		cursor, err := events.Find(t.Context(), append(bson.D{{Key: "batch_id", Value: id}}, filter...))
		f.ok(err)
		f.ok(cursor.All(t.Context(), &was))
		f.ok(remove(id))
		if _, err := events.InsertMany(t.Context(), was); err != nil {
			t.Fatal(err)
		}
		all := must(audittest.Complete(t.Context(), st))
		if !names(&all, id) {
			t.Errorf("%s: the audit finds nothing of %s: %+v", what, id, all)
		}
		came = append(came, id)
		if what == "no trace" || what == "erased" && layout == mongostore.Documents {
			continue // nothing shows which of its documents should not be there
		}
		if _, err := st.Prune(t.Context(), store.PruneQuery{Before: time.Unix(0, 0)}); err != nil {
			t.Fatal(err)
		}
		if what == "erased" {
			left(t, uri, id, "blocks", 1)
		} else {
			left(t, uri, id, "events blocks", 0)
		}
	}
	if len(came) != 4 {
		t.Error(came)
	}
}

func eraseC1(t *testing.T, st *mongostore.Store, id string) error {
	_, err := st.Erase(t.Context(), id, store.Erasure{ID: "one", Field: "candidate_id", Value: "C1"})
	return err
}

// forgetBatch deletes a batch and what the ledger knows of the deletion.
func forgetBatch(t *testing.T, uri string, st *mongostore.Store, id string) error {
	if err := st.DeleteBatch(t.Context(), id); err != nil {
		return err
	}
	foldAll(t, st)
	_, err := database(t, uri).Collection("contributions").DeleteOne(t.Context(), bson.D{{Key: "_id", Value: id}})
	return err
}

// names reports whether an audit has a finding about a batch.
func names(all *ledger.Integrity, id string) bool {
	for _, d := range all.Damages {
		if d.BatchID == id {
			return true
		}
	}
	for _, u := range all.Unreadable {
		if u.BatchID == id {
			return true
		}
	}
	return false
}
