package mongostore

import (
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/mongostore/internal/checksum"
)

// Statuses of batches that are not visible, beside those of package store.
const (
	// statusUploading is that of a batch whose Writer has not committed.
	statusUploading store.Status = "uploading"
	// statusRemoving is that of a batch of which parts may be left.
	statusRemoving store.Status = "removing"
	// statusRemoved is that of an unfinished upload that was pruned. Its Writer
	// may still add to it, so a later Prune removes what it finds then.
	statusRemoved store.Status = "removed"
	// statusArchiving is that of an archived batch of which parts may be left,
	// statusArchived that of one of which only fingerprints are left.
	statusArchiving store.Status = "forgetting"
	statusArchived  store.Status = "forgotten"
)

// batchDoc is the document of a batch.
type batchDoc struct {
	Key        string       `bson:"_id"`
	ID         string       `bson:"batch_id"`
	FileName   string       `bson:"file_name"`
	SHA256     string       `bson:"sha256"`
	Events     int64        `bson:"total_events"`
	Failed     int64        `bson:"failed_events"`
	Duplicates int64        `bson:"duplicate_events"`
	Status     store.Status `bson:"status"`
	Cause      string       `bson:"cause"`

	IdempotencyKey string     `bson:"idempotency_key,omitempty"`
	KeyExpires     *time.Time `bson:"key_expires_at,omitempty"`
	// Keys are the last further keys.
	Keys    []keyNote  `bson:"keys,omitempty"`
	Repairs string     `bson:"repairs,omitempty"`
	Created *time.Time `bson:"created_at,omitempty"`
	Updated time.Time  `bson:"updated_at"`
	Purged  bool       `bson:"sealed,omitempty"`
	// Moved identifies the last change of the document since Commit.
	Moved int64 `bson:"moved,omitempty"`
	// Purging means that events of a purged batch may be left.
	Purging bool `bson:"purging,omitempty"`
	// Attached has the version of each attachment that was replaced, by
	// versionName. Stale has the prefixes of the pieces that must be deleted.
	Attached map[string]string `bson:"attached,omitempty"`
	Stale    []string          `bson:"stale,omitempty"`
	// Erased and Erasure are those of store.Batch. Erasing selects events that
	// are erased, but may not be deleted yet.
	Erased  int64       `bson:"erased_events,omitempty"`
	Erasure string      `bson:"erasure,omitempty"`
	Erasing *erasingDoc `bson:"erasing,omitempty"`
	// Recorded means that the ledger has an entry of the batch. It is noted when the
	// batch is completed.
	Recorded bool `bson:"recorded,omitempty"`
	// Generation is that of its Blocks blocks, "" if its events are documents.
	// Copies are the generations that erasures are writing, StaleBlocks those that
	// must be deleted.
	Generation  string    `bson:"generation,omitempty"`
	Blocks      int64     `bson:"blocks,omitempty"`
	Copies      []copyDoc `bson:"copies,omitempty"`
	StaleBlocks []string  `bson:"stale_blocks,omitempty"`
	// EventsSum is the sum of the checksums of the events, without those that
	// are erased, or of those of the blocks. Pieces has the checksums of the pieces of each attachment, by
	// versionName, and those of the pending contribution, by pendingPrefix.
	// Claims and ClaimsSum are the number and the sum of the documents of the
	// batch's fingerprints.
	EventsSum int64              `bson:"events_sum,omitempty"`
	Pieces    map[string][]int64 `bson:"pieces,omitempty"`
	Claims    int64              `bson:"claims,omitempty"`
	ClaimsSum int64              `bson:"claims_sum,omitempty"`
	// Sum is the checksum of a visible or archived batch, see sum. An earlier
	// release has written none, nor the sums above.
	Sum int64 `bson:"sum,omitempty"`
	// Writer is the Writer of an unfinished upload. Beat is another number each
	// time that the Writer shows that it is alive.
	Writer bson.ObjectID `bson:"writer,omitempty"`
	Beat   int64         `bson:"beat,omitempty"`
	// Deleting means that its deletion has begun: the batch is deleted when its
	// entry in the ledger is void.
	Deleting bool `bson:"deleting,omitempty"`

	damage error // why the document is not what was written, if it is not
}

// sum returns the checksum of the document, but for Moved and Deleting.
func (d batchDoc) sum() int64 {
	attached, pieces := checksum.Sorted(d.Attached), checksum.Sorted(d.Pieces)
	d.Sum, d.Moved, d.Deleting, d.Attached, d.Pieces = 0, 0, false, nil, nil
	return checksum.Of(d, attached, pieces)
}

// decodeBatch decodes the document of a batch. Damage is in the result, of which
// Key and ID are right if they are there.
func decodeBatch(raw bson.Raw) batchDoc {
	var d batchDoc
	if err := bson.Unmarshal(raw, &d); err != nil {
		d = batchDoc{}
		d.Key, _ = raw.Lookup("_id").StringValueOK()
		d.ID, _ = raw.Lookup("batch_id").StringValueOK()
		d.damage = checksum.Corrupt("the document of the batch: %v", err)
		return d
	}
	switch {
	case isKept(d.Status):
		d.damage = checksum.Check(d.Sum, d.sum(), "the document of the batch")
	case !slices.Contains(hidden(), any(d.Status)):
		d.damage = checksum.Corrupt("the document of the batch has the status %q", d.Status)
	}
	return d
}

func (d *batchDoc) isDamaged() bool { return d.damage != nil }

func (d *batchDoc) visible() bool { return slices.Contains(store.Statuses(), d.Status) }

func (d *batchDoc) batch() store.Batch {
	return store.Batch{
		ID: d.ID, FileName: d.FileName, SHA256: d.SHA256, AcceptedRows: d.Events, RejectedRows: d.Failed, DuplicateRows: d.Duplicates,
		Erased: d.Erased, Erasure: d.Erasure,
		Status: d.Status, LastError: d.Cause, IdempotencyKey: d.IdempotencyKey,
		KeyExpires: fromDate(d.KeyExpires), RepairOf: d.Repairs, Created: fromDate(d.Created), Updated: d.Updated.UTC(), EventsPurged: d.Purged,
		Damaged: d.isDamaged(),
	}
}

// toDate truncates a time to what a date of MongoDB holds.
func toDate(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC().Truncate(time.Millisecond)
	return &t
}

func fromDate(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

// left is the number of events that are not erased.
func (d *batchDoc) left() int64 { return d.Events - d.Erased }

// hasBlocks reports whether its events are blocks.
func (d *batchDoc) hasBlocks() bool { return d.Generation != "" }

// owns reports whether it names a generation of blocks.
func (d *batchDoc) owns(generation string) bool {
	return d.hasBlocks() && generation == d.Generation || slices.Contains(d.StaleBlocks, generation) ||
		slices.ContainsFunc(d.Copies, func(c copyDoc) bool { return c.Generation == generation })
}
