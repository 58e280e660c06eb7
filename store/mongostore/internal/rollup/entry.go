package rollup

import (
	"context"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/eventmetrics/eventmetrics/store/mongostore/internal/checksum"
	"github.com/eventmetrics/eventmetrics/store/mongostore/internal/command"
)

// entryDoc is the entry of a batch in the ledger.
type entryDoc struct {
	ID string `bson:"_id"`
	// Revision names the shares that count. It is empty if none do.
	Revision string `bson:"revision"`
	// Void means that the batch was deleted. A void entry never counts again.
	Void bool `bson:"void"`
	// Change is the note in the journal of the last change.
	Change  string    `bson:"change"`
	Changed time.Time `bson:"changed_at"`
	// Recorded is when the entry was inserted. No change moves it.
	Recorded time.Time `bson:"recorded_at"`
	// Earlier are the notes of the changes before, at most maxEarlier.
	Earlier []string `bson:"earlier,omitempty"`
	Events  int64    `bson:"total_events"`
	// Cells is the number of days and types of the revision, and Shares the
	// number of documents of its shares and groups.
	Cells  int `bson:"cells"`
	Shares int `bson:"shares"`
	// Purged means that the events of the batch are purged.
	Purged bool `bson:"purged,omitempty"`
	// Folded is the revision that is in the rollup of Epoch, and FoldedPurged what
	// the rollup has of Purged.
	Folded       string `bson:"folded"`
	FoldedPurged bool   `bson:"folded_purged,omitempty"`
	Epoch        string `bson:"epoch"`
	// Sum is the checksum of the members before Folded, FoldedSum that of the
	// others. They change apart.
	Sum       int64 `bson:"sum,omitempty"`
	FoldedSum int64 `bson:"folded_sum,omitempty"`
}

func (e entryDoc) sum() int64 {
	e.Folded, e.FoldedPurged, e.Epoch, e.Sum, e.FoldedSum = "", false, "", 0, 0
	return checksum.Of(e)
}

func foldedSum(id, folded string, purged bool, epoch string) int64 {
	parts := [][]byte{[]byte(id), []byte(folded), []byte(epoch)}
	if purged {
		parts = append(parts, []byte("purged"))
	}
	return checksum.Bytes(parts...)
}

// check returns metrics.ErrCorrupt if the entry is not what was written.
func (e *entryDoc) check() error {
	const what = "the ledger's entry of batch %q"
	if err := checksum.Check(e.Sum, e.sum(), what, e.ID); err != nil {
		return err
	}
	return checksum.Check(e.FoldedSum, foldedSum(e.ID, e.Folded, e.FoldedPurged, e.Epoch), what, e.ID)
}

// maxEarlier is the number of earlier changes that an entry names. The note of
// an even earlier change stays in the journal until it is older than noteTTL.
const maxEarlier = 16

// foldedIn returns the revision that is in the rollup of an epoch.
func (e *entryDoc) foldedIn(epoch string) string {
	if e.Epoch != epoch {
		return ""
	}
	return e.Folded
}

// purgedIn returns whether the rollup of an epoch takes the batch for one whose
// events are purged.
func (e *entryDoc) purgedIn(epoch string) bool { return e.Epoch == epoch && e.FoldedPurged }

// inRollup reports whether the rollup of an epoch has the batch as the entry has it.
func (e *entryDoc) inRollup(epoch string) bool {
	return e.Revision == e.foldedIn(epoch) && (e.Revision == "" || e.Purged == e.purgedIn(epoch))
}

// applied reports whether the change of a note was made to the entry.
func (e *entryDoc) applied(note string) bool {
	return e.Change == note || slices.Contains(e.Earlier, note)
}

// entry reads the entry of a batch. Errors: mongo.ErrNoDocuments;
// metrics.ErrCorrupt, with the entry.
func (l *Ledger) entry(ctx context.Context, id string) (*entryDoc, error) {
	var e entryDoc
	err := l.run.Find(ctx, l.contributions, eq("_id", id), &e)
	if err == nil {
		err = e.check()
	}
	return &e, err
}

// entries reads the entries of batches, by batch.
func (l *Ledger) entries(ctx context.Context, ids []string) (map[string]*entryDoc, error) {
	found := make(map[string]*entryDoc, len(ids))
	for some := range slices.Chunk(ids, command.MaxKeys) {
		page, err := command.FindAll[entryDoc](ctx, l.run, l.contributions, eq("_id", eq("$in", some)), options.Find())
		if err != nil {
			return nil, err
		}
		for i := range page {
			if err := page[i].check(); err != nil {
				return nil, err
			}
			found[page[i].ID] = &page[i]
		}
	}
	return found, nil
}

// entriesOf reads the entries of the batches of shares.
func (l *Ledger) entriesOf(ctx context.Context, page []shareDoc) (map[string]*entryDoc, error) {
	ids := make([]string, len(page))
	for i := range page {
		ids[i] = page[i].BatchID
	}
	return l.entries(ctx, ids)
}

// entryIDs calls use with the ids of all entries, a page per call.
func (l *Ledger) entryIDs(ctx context.Context, use func(ids []string) error) error {
	for last := ""; ; {
		var ids []string
		opts := options.Find().SetSort(eq("_id", 1)).SetLimit(command.MaxKeys).SetProjection(eq("_id", 1))
		err := l.run.Each(ctx, l.contributions, eq("_id", eq("$gt", last)), opts, func(raw bson.Raw) error {
			id, ok := raw.Lookup("_id").StringValueOK()
			if !ok {
				return checksum.Corrupt("an entry of the ledger has no id of a batch")
			}
			ids = append(ids, id)
			return nil
		})
		if err != nil || len(ids) == 0 {
			return err
		}
		if err := use(ids); err != nil {
			return err
		}
		last = ids[len(ids)-1]
	}
}

// checkEntries returns metrics.ErrCorrupt if an entry is damaged.
func (l *Ledger) checkEntries(ctx context.Context) error {
	return l.entryIDs(ctx, func(ids []string) error {
		_, err := l.entries(ctx, ids)
		return err
	})
}

// replaceEntry changes an entry if it is still the one that was read, and
// reports whether it has. It does not change Recorded, nor what is folded, and
// Purged stays once it is set.
func (l *Ledger) replaceEntry(ctx context.Context, was, next *entryDoc) (bool, error) {
	earlier := append(slices.Clone(was.Earlier), was.Change)
	next.Purged = was.Purged || next.Purged
	next.ID, next.Recorded, next.Earlier = was.ID, was.Recorded, earlier[max(0, len(earlier)-maxEarlier):]
	replaced, err := l.run.Update(ctx, l.contributions, eq("_id", was.ID, "change", was.Change), eq("$set", eq(
		"revision", next.Revision, "void", next.Void, "change", next.Change, "changed_at", next.Changed, "recorded_at", next.Recorded,
		"total_events", next.Events, "cells", next.Cells, "shares", next.Shares, "purged", next.Purged, "earlier", next.Earlier, "sum", next.sum())))
	if err != nil || replaced {
		return replaced, err
	}
	now, err := l.entry(ctx, was.ID) // an earlier try may have replaced it
	return err == nil && now.applied(next.Change), err
}
