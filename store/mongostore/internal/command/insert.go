package command

import (
	"context"
	"errors"
	"strconv"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

// Limits of one command. MongoDB takes 48 MB and 100,000 documents in an
// insert, servers that imitate it 25,000; smaller inserts run concurrently.
const (
	MaxDocs     = 5000 // documents of an insert
	MaxDocument = 16 << 20
	MaxKeys     = 1000 // keys that one command looks for, or documents of a page
	maxBytes    = 1 << 20
)

// A Piece holds the documents of one insert command.
type Piece struct {
	Docs []bson.Raw
	size int
}

// Full reports whether the Piece has reached a limit of a command.
func (p *Piece) Full() bool { return p.size >= maxBytes || len(p.Docs) >= MaxDocs }

// Add adds a document. The Piece keeps doc.
func (p *Piece) Add(doc []byte) {
	p.Docs = append(p.Docs, doc)
	p.size += len(doc)
}

// InsertAll inserts documents whose _id are strings. It returns the indexes of
// those that were refused because another document has the same unique key. A
// document that an earlier try has inserted is not refused.
func (r *Runner) InsertAll(ctx context.Context, c *mongo.Collection, docs []bson.Raw) ([]int, error) {
	refused, err := r.InsertNew(ctx, c, docs)
	if err != nil || len(refused) == 0 {
		return nil, err
	}
	return r.withoutPresent(ctx, c, docs, refused)
}

// InsertNew inserts documents and returns the indexes of those that were
// refused because a document has the same unique key. That may be the document
// itself, which an earlier try has inserted.
func (r *Runner) InsertNew(ctx context.Context, c *mongo.Collection, docs []bson.Raw) ([]int, error) {
	command := insertCommand(c.Name(), docs)
	var refused []int
	err := r.Do(ctx, func(ctx context.Context) error {
		refused = refused[:0]
		err := r.DB.RunCommand(ctx, command).Err()
		var failed mongo.WriteException
		if !errors.As(err, &failed) || failed.WriteConcernError != nil {
			return err
		}
		for _, e := range failed.WriteErrors {
			if !e.HasErrorCode(11000) {
				return err
			}
			refused = append(refused, e.Index)
		}
		return nil
	})
	return refused, err
}

// withoutPresent leaves out the indexes of documents whose _id is in the
// collection.
func (r *Runner) withoutPresent(ctx context.Context, c *mongo.Collection, docs []bson.Raw, indexes []int) ([]int, error) {
	keys := make(bson.A, len(indexes))
	for i, index := range indexes {
		keys[i] = docs[index].Lookup("_id").StringValue()
	}
	present := map[string]bool{}
	err := r.Each(ctx, c, Eq("_id", Eq("$in", keys)), options.Find().SetProjection(Eq("_id", 1)), func(doc bson.Raw) error {
		present[doc.Lookup("_id").StringValue()] = true
		return nil
	})
	var others []int
	for i, index := range indexes {
		if !present[keys[i].(string)] {
			others = append(others, index)
		}
	}
	return others, err
}

// insertCommand returns one unordered insert of documents. It is built byte by
// byte, since encoding the documents again would cost more than the insert.
func insertCommand(collection string, docs []bson.Raw) bson.Raw {
	size := 128 + len(collection)
	for _, d := range docs {
		size += len(d) + 12
	}
	start, b := bsoncore.AppendDocumentStart(make([]byte, 0, size))
	b = bsoncore.AppendStringElement(b, "insert", collection)
	b = bsoncore.AppendBooleanElement(b, "ordered", false)
	b = bsoncore.AppendDocumentElement(b, "writeConcern", bsoncore.NewDocumentBuilder().AppendString("w", "majority").Build())
	list, b := bsoncore.AppendArrayElementStart(b, "documents")
	for i, d := range docs {
		b = bsoncore.AppendDocumentElement(b, strconv.Itoa(i), bsoncore.Document(d))
	}
	b, _ = bsoncore.AppendArrayEnd(b, list)
	b, _ = bsoncore.AppendDocumentEnd(b, start)
	return bson.Raw(b)
}
