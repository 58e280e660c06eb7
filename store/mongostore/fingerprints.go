package mongostore

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math/rand/v2"
	"slices"
	"sort"
	"sync"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/internal/fingerprints"
	"github.com/eventmetrics/eventmetrics/store/mongostore/internal/checksum"
	"github.com/eventmetrics/eventmetrics/store/mongostore/internal/command"
)

// Owners implements [store.Deduper].
func (s *Store) Owners(ctx context.Context, fps []store.Fingerprint) ([]string, error) {
	sorted, distinct := fingerprints.Distinct(fps)
	places := make([]int, len(sorted))
	for i := range places {
		places[i] = i
	}
	docs, err := s.ownerDocs(ctx, sorted, places)
	known := map[string]string{}
	if err == nil {
		err = s.resolve(ctx, docs, known, func(context.Context, *batchDoc) (string, error) { return "", nil })
	}
	if err != nil {
		return nil, wrap(err, "look for the owners of fingerprints")
	}
	all := make([]string, len(sorted))
	for i := range docs {
		all[i] = known[docs[i].batch]
	}
	if _, err := s.addOwners(ctx, sorted, all); err != nil {
		return nil, wrap(err, "look for the owners of fingerprints")
	}
	owners := make([]string, len(fps))
	for i, place := range distinct {
		owners[i] = all[place]
	}
	return owners, nil
}

// resolve adds to known each batch that the documents name: its id if the batch
// is visible, "" if it is deleted. It asks unfinished about batches that are
// being written.
func (s *Store) resolve(ctx context.Context, docs []ownerDoc, known map[string]string, unfinished unfinishedOwner) error {
	var ids []string
	for _, d := range docs {
		if _, ok := known[d.batch]; !ok && d.batch != "" {
			known[d.batch] = ""
			ids = append(ids, d.batch)
		}
	}
	for some := range slices.Chunk(ids, oldPage) {
		batches, err := s.findBatches(ctx, eq("_id", eq("$in", some)), options.Find())
		if err != nil {
			return err
		}
		for i := range batches {
			if known[batches[i].Key], err = s.resolveBatch(ctx, &batches[i], unfinished); err != nil {
				return err
			}
		}
	}
	return nil
}

// unfinishedOwner returns the id of a batch that is being written, or "" if its
// fingerprints are free.
type unfinishedOwner func(context.Context, *batchDoc) (string, error)

func (s *Store) resolveBatch(ctx context.Context, d *batchDoc, unfinished unfinishedOwner) (string, error) {
	switch d.Status {
	case statusUploading:
		return unfinished(ctx, d)
	case statusArchiving, statusArchived: // its rows count permanently
		return d.Key, nil
	}
	if !d.visible() {
		return "", d.damage // of a damaged status
	}
	gone, err := s.isGone(ctx, d)
	if err != nil || gone {
		return "", err
	}
	return d.Key, nil
}

// fence ends the upload of a batch whose Writer's process was lost. Errors:
// store.ErrClaimed if it lives.
func (s *Store) fence(ctx context.Context, d *batchDoc) (string, error) {
	if !s.heart.Lost(d.Writer, d.Beat) {
		return "", store.ErrClaimed
	}
	_, err := s.run.Update(ctx, s.batches, eq("_id", d.ID, "status", statusUploading, "writer", d.Writer, "beat", d.Beat),
		eq("$set", eq("status", statusRemoved, "updated_at", s.now())))
	if err != nil {
		return "", err
	}
	now, err := s.find(ctx, d.Key)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return s.resolveBatch(ctx, now, s.fence)
}

// ownerDoc is the content of a fingerprint's document. Without a batch there is
// no document.
type ownerDoc struct {
	batch string
	call  int64
}

// ownerDocs reads the documents of the fingerprints at places.
func (s *Store) ownerDocs(ctx context.Context, fps []store.Fingerprint, places []int) ([]ownerDoc, error) {
	docs := make([]ownerDoc, len(places))
	err := s.inPieces(ctx, len(places), command.MaxKeys, func(ctx context.Context, from, to int) error {
		return s.readOwnerDocs(ctx, fps, places[from:to], docs[from:to])
	})
	return docs, err
}

func (s *Store) readOwnerDocs(ctx context.Context, fps []store.Fingerprint, places []int, docs []ownerDoc) error {
	keys := make(bson.A, 0, len(places))
	for _, place := range places {
		keys = append(keys, fps[place][:])
	}
	ids := map[string]string{} // so that each id is in memory once
	opts := options.Find().SetBatchSize(int32(len(places)))
	return s.run.Each(ctx, s.fingerprints, eq("_id", eq("$in", keys)), opts, func(doc bson.Raw) error {
		_, key := doc.Lookup("_id").Binary()
		p := store.Fingerprint(key)
		i := sort.Search(len(places), func(i int) bool { return fingerprints.Compare(&fps[places[i]], &p) >= 0 })
		id, ok := doc.Lookup("batch_id").StringValueOK()
		call, known := doc.Lookup("claim").Int64OK()
		if known && ok && !isCallOf(id, call) || !ok || !known && doc.Lookup("call").Type != bson.TypeInt64 {
			return checksum.Corrupt("the document of fingerprint %x", key)
		}
		if _, ok := ids[id]; !ok {
			ids[id] = id
		}
		docs[i] = ownerDoc{batch: ids[id], call: call}
		return nil
	})
}

// doc returns the document with which this call claims a fingerprint.
func (c *claim) doc(p *store.Fingerprint) bson.Raw {
	b, start := openDoc(make([]byte, 0, len(p)+len(c.id)+64))
	b = binary.LittleEndian.AppendUint32(appendKey(b, bson.TypeBinary, "_id"), uint32(len(p)))
	b = append(append(b, bson.TypeBinaryGeneric), p[:]...)
	b = appendString(b, "batch_id", c.id)
	return closeDoc(appendInt64(b, "claim", c.call), start)
}

// newClaim returns the number of a call of Claim for a batch. It is also the
// checksum of the batch's id in the documents of the call. Documents of an earlier
// release have another member, of any number.
func newClaim(batch string) int64 {
	call := rand.Uint32()
	return int64(call)<<32 | int64(claimSum(batch, call))
}

// isCallOf reports whether a number is that of a call for a batch.
func isCallOf(batch string, call int64) bool {
	return uint32(call) == claimSum(batch, uint32(call>>32))
}

func claimSum(batch string, call uint32) uint32 {
	return crc32.Update(call, castagnoli, []byte(batch))
}

// inPieces divides n things into parts of a size and calls f for each part, for
// Options.Inserters of them concurrently. It returns the first error.
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

// removeFingerprints deletes the documents of a batch's fingerprints, with one
// command per command.MaxDocs of them.
func (s *Store) removeFingerprints(ctx context.Context, id string) error {
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
		if err := s.run.Remove(ctx, s.fingerprints, part, nil); err != nil || len(next) == 0 {
			return err
		}
	}
}
