package rollup

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/eventmetrics/eventmetrics/store/mongostore/internal/checksum"
	"github.com/eventmetrics/eventmetrics/store/mongostore/internal/command"
)

const (
	// notesPage is the number of notes that one query reads.
	notesPage = 10_000
	// noteTTL is the age at which the change of a note is given up. It is far
	// more than the time that a change may take.
	noteTTL = time.Hour
)

// noteDoc is a note in the journal: the entry of a batch is about to change.
// Its _id is also the revision that the change brings, if it brings one.
type noteDoc struct {
	ID      string    `bson:"_id"`
	BatchID string    `bson:"batch_id"`
	Noted   time.Time `bson:"noted_at"`
	// Epoch is the epoch of the rollup for which a rebuild has made the note.
	Epoch string `bson:"epoch,omitempty"`
	Sum   int64  `bson:"sum,omitempty"`
}

// sealed returns the note with its checksum.
func (n noteDoc) sealed() noteDoc {
	n.Sum = 0
	n.Sum = checksum.Of(n)
	return n
}

func (n noteDoc) check() error {
	return checksum.Check(n.Sum, n.sealed().Sum, "note %q of the journal", n.ID)
}

// note announces a change of a batch's entry and returns the id of the note.
func (l *Ledger) note(ctx context.Context, id string) (string, error) {
	n := noteDoc{ID: bson.NewObjectID().Hex(), BatchID: id, Noted: l.now()}.sealed()
	_, err := l.run.Insert(ctx, l.journal, n)
	return n.ID, err
}

// takeBack removes a note, and the shares of its revision, if the change was
// not made because another was made first.
func (l *Ledger) takeBack(ctx context.Context, id, note string) error {
	if err := l.shares.drop(ctx, id, note); err != nil {
		return err
	}
	return l.run.Remove(ctx, l.journal, eq("_id", note), nil)
}

// noteAll notes all entries for the rollup of an epoch.
func (l *Ledger) noteAll(ctx context.Context, epoch string) error {
	notes := inserter{run: l.run, to: l.journal}
	err := l.entryIDs(ctx, func(ids []string) error {
		for _, id := range ids {
			if err := notes.add(ctx, noteDoc{ID: epoch + "/" + id, BatchID: id, Noted: l.now(), Epoch: epoch}.sealed()); err != nil {
				return err
			}
		}
		return nil
	})
	return errors.Join(err, notes.flush(ctx))
}

// changes are the entries that may differ from the rollup: those of the
// batches that the journal or the plan names.
type changes struct {
	epoch   string
	notes   []noteDoc
	batches []string // each once
	entries map[string]*entryDoc
}

// changes reads the journal, and then the entries of its batches.
func (l *Ledger) changes(ctx context.Context, s *stateDoc) (*changes, error) {
	ch := &changes{epoch: s.Epoch}
	var err error
	if ch.notes, err = l.notes(ctx); err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	add := func(id string) {
		if !seen[id] {
			seen[id] = true
			ch.batches = append(ch.batches, id)
		}
	}
	for i := range ch.notes {
		if err := ch.notes[i].check(); err != nil {
			return nil, err
		}
		add(ch.notes[i].BatchID)
	}
	for i := range s.Plan {
		add(s.Plan[i].BatchID)
	}
	ch.entries, err = l.entries(ctx, ch.batches)
	return ch, err
}

// notes reads the whole journal.
func (l *Ledger) notes(ctx context.Context) ([]noteDoc, error) {
	var all []noteDoc
	opts := options.Find().SetSort(eq("_id", 1)).SetLimit(notesPage)
	for last := ""; ; {
		page, err := command.FindAll[noteDoc](ctx, l.run, l.journal, eq("_id", eq("$gt", last)), opts)
		all = append(all, page...)
		if err != nil || len(page) < notesPage {
			return all, err
		}
		last = page[notesPage-1].ID
	}
}

// dropDamagedNotes removes notes that are damaged. A rebuild notes all entries
// again.
func (l *Ledger) dropDamagedNotes(ctx context.Context) error {
	notes, err := l.notes(ctx)
	for i := range notes {
		if err == nil && notes[i].check() != nil {
			err = l.run.Remove(ctx, l.journal, eq("_id", notes[i].ID), nil)
		}
	}
	return err
}

// done returns the notes whose batches are in the rollup as the ledger has them.
func (l *Ledger) done(ch *changes) (done []noteDoc) {
	for _, n := range ch.notes {
		e := ch.entryOf(n.BatchID)
		if !e.inRollup(ch.epoch) {
			continue
		}
		pending := !e.applied(n.ID) && n.Epoch != ch.epoch
		if pending && l.now().Sub(n.Noted) < noteTTL {
			continue // the change may be about to be made
		}
		done = append(done, n)
	}
	return done
}

// entryOf returns the entry of a batch, an empty one if there is none.
func (ch *changes) entryOf(id string) *entryDoc {
	if e := ch.entries[id]; e != nil {
		return e
	}
	return &entryDoc{}
}

// removeNotes removes notes that are done, and the shares of revisions that are
// neither in the rollup nor in the ledger.
func (l *Ledger) removeNotes(ctx context.Context, ch *changes, done []noteDoc) error {
	for part := range slices.Chunk(done, command.MaxKeys) {
		ids := make(bson.A, len(part))
		for i, n := range part {
			ids[i] = n.ID
			if ch.entryOf(n.BatchID).Revision == n.ID {
				continue
			}
			if err := l.shares.drop(ctx, n.BatchID, n.ID); err != nil {
				return err
			}
		}
		if err := l.run.Remove(ctx, l.journal, eq("_id", eq("$in", ids)), nil); err != nil {
			return err
		}
	}
	return nil
}

// inserter inserts documents into a collection, many with one command.
type inserter struct {
	run   *command.Runner
	to    *mongo.Collection
	piece command.Piece
}

func (in *inserter) add(ctx context.Context, doc any) error {
	raw, err := bson.Marshal(doc)
	if err != nil {
		return err
	}
	if in.piece.Add(raw); !in.piece.Full() {
		return nil
	}
	return in.flush(ctx)
}

func (in *inserter) flush(ctx context.Context) error {
	if len(in.piece.Docs) == 0 {
		return nil
	}
	_, err := in.run.InsertAll(ctx, in.to, in.piece.Docs)
	in.piece = command.Piece{}
	return err
}
