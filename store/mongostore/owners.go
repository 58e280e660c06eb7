package mongostore

import (
	"context"
	"encoding/hex"
	"sort"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/internal/fingerprints"
	"github.com/eventmetrics/eventmetrics/store/mongostore/internal/checksum"
	"github.com/eventmetrics/eventmetrics/store/mongostore/internal/command"
)

// A further owner of a fingerprint has a document beside that of Claim, whose
// _id is text: the fingerprint in hexadecimal, a slash and the batch. There are
// few: only files that are uploaded again on purpose have any.

func ownerKey(fp *store.Fingerprint, batch string) string {
	return hex.EncodeToString(fp[:]) + "/" + batch
}

// AddOwner implements [store.Deduper].
func (s *Store) AddOwner(ctx context.Context, id string, fp store.Fingerprint) error {
	err := s.keepAlive(ctx, id)
	if err == nil {
		_, err = s.run.Insert(ctx, s.fingerprints, eq("_id", ownerKey(&fp, id), "batch_id", id))
	}
	return wrap(err, "add batch %q as an owner", id)
}

// addOwners sets the owners of fingerprints that have none, if further batches
// that are visible or archived have them. The fingerprints must ascend. It
// returns the places of those that it has set.
func (s *Store) addOwners(ctx context.Context, fps []store.Fingerprint, owners []string) ([]int, error) {
	if len(fps) == 0 {
		return nil, nil
	}
	var docs []ownerDoc
	var places []int
	first, last := ownerKey(&fps[0], ""), ownerKey(&fps[len(fps)-1], "g") // after all batches
	err := s.run.Each(ctx, s.fingerprints, eq("_id", eq("$gte", first, "$lt", last)), options.Find(), func(doc bson.Raw) error {
		text, batch, _ := strings.Cut(doc.Lookup("_id").StringValue(), "/")
		key, err := hex.DecodeString(text)
		owner, _ := doc.Lookup("batch_id").StringValueOK()
		if err != nil || len(key) != len(store.Fingerprint{}) || owner != batch {
			return checksum.Corrupt("the document of owner %.40q of a fingerprint", text)
		}
		fp := store.Fingerprint(key)
		i := sort.Search(len(fps), func(i int) bool { return fingerprints.Compare(&fps[i], &fp) >= 0 })
		if i < len(fps) && fps[i] == fp && owners[i] == "" {
			docs, places = append(docs, ownerDoc{batch: batch}), append(places, i)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	known := map[string]string{}
	if err := s.resolve(ctx, docs, known, func(context.Context, *batchDoc) (string, error) { return "", nil }); err != nil {
		return nil, err
	}
	var set []int
	for i, place := range places {
		if id := known[docs[i].batch]; id != "" && owners[place] == "" {
			owners[place] = id
			set = append(set, place)
		}
	}
	return set, nil
}

// giveBack removes the documents with which this call has claimed fingerprints
// that further owners have.
func (c *claim) giveBack(ctx context.Context, places []int) error {
	return c.s.inPieces(ctx, len(places), command.MaxKeys, func(ctx context.Context, from, to int) error {
		keys := make(bson.A, 0, to-from)
		for _, place := range places[from:to] {
			keys = append(keys, c.fps[place][:])
		}
		return c.s.run.Remove(ctx, c.s.fingerprints, eq("_id", eq("$in", keys), "batch_id", c.id, "claim", c.call), nil)
	})
}
