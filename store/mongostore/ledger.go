package mongostore

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

// entryDoc is the entry of a batch in the ledger.
type entryDoc struct {
	ID string `bson:"_id"`
	// Revision names the shares that count; empty means none.
	Revision string `bson:"revision"`
	// Void means that the batch was deleted. Nothing makes it count again.
	Void bool `bson:"void"`
	// Change is the note in the journal of the last change.
	Change  string    `bson:"change"`
	Changed time.Time `bson:"changed_at"`
	// Recorded is when the entry was made. No change moves it.
	Recorded time.Time `bson:"recorded_at"`
	// Earlier are the notes of some changes before.
	Earlier []string `bson:"earlier,omitempty"`
	Events  int64    `bson:"total_events"`
	// Cells is the number of days and types, and Shares the number of
	// documents, of the revision.
	Cells  int `bson:"cells"`
	Shares int `bson:"shares"`
	// Folded is the revision that is in the rollup, if Epoch is the rollup's.
	Folded string `bson:"folded"`
	Epoch  string `bson:"epoch"`
}

// folded returns the revision that a rollup of an epoch has.
func (e *entryDoc) folded(epoch string) string {
	if e.Epoch != epoch {
		return ""
	}
	return e.Folded
}

// noteDoc is a note in the journal: the entry of a batch is about to change.
// Its _id is also the revision that the change brings, if it brings one.
type noteDoc struct {
	ID      string    `bson:"_id"`
	BatchID string    `bson:"batch_id"`
	Noted   time.Time `bson:"noted_at"`
	// Epoch is that of the rollup to come for which a note was made.
	Epoch string `bson:"epoch,omitempty"`
}

// entry reads the entry of a batch. Errors: mongo.ErrNoDocuments.
func (s *Store) entry(ctx context.Context, id string) (*entryDoc, error) {
	var e entryDoc
	err := s.find(ctx, s.contributions, eq("_id", id), &e)
	return &e, err
}

// recorded reads the entry of a batch that counts. Errors: store.ErrNotFound.
func (s *Store) recorded(ctx context.Context, id string) (*entryDoc, error) {
	if _, err := s.read(ctx, id); err != nil {
		return nil, err
	}
	e, err := s.entry(ctx, id)
	if errors.Is(err, mongo.ErrNoDocuments) || err == nil && e.Void {
		err = store.ErrNotFound
	}
	return e, err
}

// note announces a change of a batch's entry and returns its name.
func (s *Store) note(ctx context.Context, id string) (string, error) {
	n := noteDoc{ID: bson.NewObjectID().Hex(), BatchID: id, Noted: s.now()}
	_, err := s.insert(ctx, s.journal, n)
	return n.ID, err
}

// forget takes back a note whose change did not come about.
func (s *Store) forget(ctx context.Context, id, note string) error {
	if err := s.dropShares(ctx, id, note); err != nil {
		return err
	}
	return s.remove(ctx, s.journal, eq("_id", note))
}

// Record implements [store.Store].
func (s *Store) Record(ctx context.Context, id string, c metrics.Contribution) error {
	err := s.record(ctx, id, c)
	if err == nil {
		err = s.dropAttachment(ctx, id, store.PendingContribution)
	}
	return wrap(err, "record batch %q", id)
}

func (s *Store) record(ctx context.Context, id string, c metrics.Contribution) error {
	if _, err := s.read(ctx, id); err != nil {
		return err
	}
	known, err := s.isRecorded(ctx, id)
	if known || err != nil {
		return err
	}
	note, err := s.note(ctx, id)
	if err != nil {
		return err
	}
	e, err := s.prepare(ctx, id, note, c)
	if err != nil {
		return err
	}
	if _, err := s.insert(ctx, s.contributions, e); err != nil {
		return err
	}
	there, err := s.entry(ctx, id)
	if err != nil {
		return err
	}
	s.settler.kick()
	if !there.happened(note) {
		err = s.forget(ctx, id, note)
	}
	if err == nil && there.Void {
		err = store.ErrNotFound
	}
	return err
}

// isRecorded reports whether the ledger has an entry of the batch. Errors:
// store.ErrNotFound for a void one.
func (s *Store) isRecorded(ctx context.Context, id string) (bool, error) {
	e, err := s.entry(ctx, id)
	switch {
	case errors.Is(err, mongo.ErrNoDocuments):
		return false, nil
	case err == nil && e.Void:
		return false, store.ErrNotFound
	}
	return err == nil, err
}

// prepare stores the shares of a revision and returns an entry that names it.
func (s *Store) prepare(ctx context.Context, id, revision string, c metrics.Contribution) (*entryDoc, error) {
	c = c.WithEvents()
	n, err := s.writeShares(ctx, id, revision, c)
	now := s.now()
	return &entryDoc{
		ID: id, Revision: revision, Change: revision, Changed: now, Recorded: now, Events: c.Events(), Cells: len(c), Shares: n,
	}, err
}

// maxEarlier is the number of earlier changes that an entry names. A note of
// one before is only forgotten when it is old.
const maxEarlier = 16

// happened reports whether the change of a note is in the entry's history.
func (e *entryDoc) happened(note string) bool {
	return e.Change == note || slices.Contains(e.Earlier, note)
}

// replace changes an entry if it is still the one that was read.
func (s *Store) replace(ctx context.Context, was, next *entryDoc) (bool, error) {
	earlier := append(slices.Clone(was.Earlier), was.Change)
	earlier = earlier[max(0, len(earlier)-maxEarlier):]
	done, err := s.update(ctx, s.contributions, eq("_id", was.ID, "change", was.Change), eq("$set", eq(
		"revision", next.Revision, "void", next.Void, "change", next.Change, "changed_at", next.Changed,
		"total_events", next.Events, "cells", next.Cells, "shares", next.Shares, "earlier", earlier)))
	if err != nil || done {
		return done, err
	}
	now, err := s.entry(ctx, was.ID) // an earlier try may have done it
	return err == nil && now.happened(next.Change), err
}

// Contribution implements [store.Auditor].
func (s *Store) Contribution(ctx context.Context, id string) (metrics.Contribution, error) {
	for {
		e, err := s.recorded(ctx, id)
		if err != nil {
			return nil, wrap(err, "read contribution of batch %q", id)
		}
		c, n, err := s.revision(ctx, id, e.Revision)
		if err != nil {
			return nil, wrap(err, "read contribution of batch %q", id)
		}
		if n == e.Shares {
			return c, nil
		}
		now, err := s.recorded(ctx, id) // amended while it was read?
		if err != nil || now.Change == e.Change {
			return nil, wrap(errors.Join(metrics.ErrCorrupt, err), "read contribution of batch %q", id)
		}
	}
}

// Amend implements [store.Auditor].
func (s *Store) Amend(ctx context.Context, id string, c metrics.Contribution) error {
	for {
		e, err := s.recorded(ctx, id)
		if err != nil {
			return wrap(err, "amend batch %q", id)
		}
		note, err := s.note(ctx, id)
		if err != nil {
			return wrap(err, "amend batch %q", id)
		}
		next, err := s.prepare(ctx, id, note, c)
		if err != nil {
			return wrap(err, "amend batch %q", id)
		}
		done, err := s.replace(ctx, e, next)
		if err != nil {
			return wrap(err, "amend batch %q", id)
		}
		if done {
			s.settler.kick()
			return wrap(s.sealAmended(ctx, id), "amend batch %q", id)
		}
		if err := s.forget(ctx, id, note); err != nil {
			return wrap(err, "amend batch %q", id)
		}
	}
}

// void closes the place of a batch in the ledger, for good.
func (s *Store) void(ctx context.Context, id string) error {
	for {
		e, err := s.entry(ctx, id)
		if errors.Is(err, mongo.ErrNoDocuments) {
			added, err := s.insert(ctx, s.contributions, &entryDoc{ID: id, Void: true, Changed: s.now()})
			if added || err != nil {
				return err
			}
			continue
		}
		if err != nil || e.Void {
			return err
		}
		note, err := s.note(ctx, id)
		if err != nil {
			return err
		}
		done, err := s.replace(ctx, e, &entryDoc{Void: true, Change: note, Changed: s.now()})
		if err != nil {
			return err
		}
		if done {
			s.settler.kick()
			return nil
		}
		if err := s.forget(ctx, id, note); err != nil {
			return err
		}
	}
}
