package mongostore

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"sort"
	"sync"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/internal/fingerprints"
	"github.com/eventmetrics/eventmetrics/store/mongostore/internal/command"
)

// Owners implements [store.Deduper].
func (s *Store) Owners(ctx context.Context, prints []store.Fingerprint) ([]string, error) {
	sorted, distinct := fingerprints.Distinct(prints)
	places := make([]int, len(sorted))
	for i := range places {
		places[i] = i
	}
	docs, err := s.printDocs(ctx, sorted, places)
	known := map[string]string{}
	if err == nil {
		err = s.judge(ctx, docs, known, func(context.Context, *batchDoc) (string, error) { return "", nil })
	}
	if err != nil {
		return nil, wrap(err, "look for the owners of fingerprints")
	}
	owners := make([]string, len(prints))
	for i, place := range distinct {
		owners[i] = known[docs[place].batch]
	}
	return owners, nil
}

// judge finds out which of the batches of documents are visible: known has the
// ids of those then, and "" for those that are gone. It asks unfinished about
// those that are being written.
func (s *Store) judge(ctx context.Context, docs []printDoc, known map[string]string, unfinished verdict) error {
	var ids []string
	for _, d := range docs {
		if _, ok := known[d.batch]; !ok && d.batch != "" {
			known[d.batch] = ""
			ids = append(ids, d.batch)
		}
	}
	for some := range slices.Chunk(ids, oldPage) {
		batches, err := command.FindAll[batchDoc](ctx, s.run, s.batches, eq("_id", eq("$in", some)), nil)
		if err != nil {
			return err
		}
		for i := range batches {
			if known[batches[i].ID], err = s.judgeBatch(ctx, &batches[i], unfinished); err != nil {
				return err
			}
		}
	}
	return nil
}

// verdict returns the id of a batch, or "" if what it has is free.
type verdict func(context.Context, *batchDoc) (string, error)

func (s *Store) judgeBatch(ctx context.Context, d *batchDoc, unfinished verdict) (string, error) {
	switch d.Status {
	case statusUploading:
		return unfinished(ctx, d)
	case statusArchiving, statusArchived: // its rows count for ever
		return d.ID, nil
	}
	if !d.visible() {
		return "", nil
	}
	gone, err := s.isGone(ctx, d)
	if err != nil || gone {
		return "", err
	}
	return d.ID, nil
}

// fence takes the batch from a Writer that has long been silent. Errors:
// store.ErrClaimed when it has not.
func (s *Store) fence(ctx context.Context, d *batchDoc) (string, error) {
	limit := s.now().Add(-store.ClaimTimeout)
	if !d.Updated.Before(limit) {
		return "", store.ErrClaimed
	}
	_, err := s.run.Update(ctx, s.batches, eq("_id", d.ID, "status", statusUploading, "updated_at", eq("$lt", limit)),
		eq("$set", eq("status", statusRemoved, "updated_at", s.now())))
	if err != nil {
		return "", err
	}
	var now batchDoc
	err = s.run.Find(ctx, s.batches, eq("_id", d.ID), &now)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return s.judgeBatch(ctx, &now, s.fence)
}

// printDoc is what the document of a fingerprint says. No batch means that
// there is none.
type printDoc struct {
	batch string
	call  int64
}

// printDocs reads the documents of the fingerprints at places.
func (s *Store) printDocs(ctx context.Context, prints []store.Fingerprint, places []int) ([]printDoc, error) {
	docs := make([]printDoc, len(places))
	err := s.inPieces(ctx, len(places), command.MaxKeys, func(ctx context.Context, from, to int) error {
		return s.readPrintDocs(ctx, prints, places[from:to], docs[from:to])
	})
	return docs, err
}

func (s *Store) readPrintDocs(ctx context.Context, prints []store.Fingerprint, places []int, docs []printDoc) error {
	keys := make(bson.A, 0, len(places))
	for _, place := range places {
		keys = append(keys, prints[place][:])
	}
	ids := map[string]string{} // each once in memory
	opts := options.Find().SetBatchSize(int32(len(places)))
	return s.run.Each(ctx, s.fingerprints, eq("_id", eq("$in", keys)), opts, func(doc bson.Raw) error {
		_, key := doc.Lookup("_id").Binary()
		p := store.Fingerprint(key)
		i := sort.Search(len(places), func(i int) bool { return fingerprints.Compare(&prints[places[i]], &p) >= 0 })
		id := doc.Lookup("batch_id").StringValue()
		if _, ok := ids[id]; !ok {
			ids[id] = id
		}
		docs[i] = printDoc{batch: ids[id], call: doc.Lookup("call").Int64()}
		return nil
	})
}

// doc is the document of a fingerprint that this call gives.
func (c *claim) doc(p *store.Fingerprint) bson.Raw {
	b, start := openDoc(make([]byte, 0, len(p)+len(c.id)+64))
	b = binary.LittleEndian.AppendUint32(appendKey(b, bson.TypeBinary, "_id"), uint32(len(p)))
	b = append(append(b, bson.TypeBinaryGeneric), p[:]...)
	b = appendString(b, "batch_id", c.id)
	return closeDoc(appendInt64(b, "call", c.call), start)
}

// inPieces calls f with parts of n things, of a size, some at once, and returns
// the first error.
func (s *Store) inPieces(ctx context.Context, n, size int, f func(ctx context.Context, from, to int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	places := make(chan struct{}, s.opts.Inserters)
	var under sync.WaitGroup
	for from := 0; from < n && ctx.Err() == nil; from += size {
		places <- struct{}{}
		under.Go(func() {
			defer func() { <-places }()
			if err := f(ctx, from, min(from+size, n)); err != nil {
				cancel(err)
			}
		})
	}
	under.Wait()
	return context.Cause(ctx)
}

// removePrints deletes the documents of what a batch had, in parts that one
// command can do.
func (s *Store) removePrints(ctx context.Context, id string) error {
	for {
		opts := options.Find().SetProjection(eq("_id", 1)).SetSort(eq("_id", 1)).SetSkip(command.MaxDocs).SetLimit(1)
		next, err := command.FindAll[bson.Raw](ctx, s.run, s.fingerprints, eq("batch_id", id), opts)
		if err != nil {
			return err
		}
		part := eq("batch_id", id)
		for _, doc := range next {
			part = append(part, eq("_id", eq("$lt", doc.Lookup("_id")))...)
		}
		if err := s.run.Remove(ctx, s.fingerprints, part); err != nil || len(next) == 0 {
			return err
		}
	}
}
