package mongostore

import (
	"context"
	"errors"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/mongostore/internal/checksum"
)

// A place of an inspection is the name of a part, a slash and the last key that
// was checked in it. The parts are checked in this order.
const (
	partBatches      = "batches"
	partLedger       = "ledger"
	partEvents       = "events"
	partBlocks       = "blocks"
	partAttachments  = "attachments"
	partFingerprints = "fingerprints"
	partKeys         = "keys"
	partSums         = "sums"
)

// The sizes of the parts. A part of batches ends sooner if they have many
// documents: a piece of an attachment is as much work as a thousand others.
const (
	inspectBatches = 20
	inspectDocs    = 100_000
	inspectPiece   = 1000
	inspectKeys    = 100
)

// inspectPause is the time that another process has for the second of two writes
// before the difference between them is a finding.
const inspectPause = 100 * time.Millisecond

// Inspect implements [store.Inspector].
func (s *Store) Inspect(ctx context.Context, from string) (store.Inspection, error) {
	part, at, _ := strings.Cut(from, "/")
	in := inspector{s: s, at: at}
	var err error
	switch part {
	case "", partBatches:
		err = in.batches(ctx)
	case partLedger:
		err = in.ledger(ctx)
	case partEvents:
		err = in.owned(ctx, s.events, partEvents, partBlocks+"/")
	case partBlocks:
		err = in.owned(ctx, s.blocks, partBlocks, partAttachments+"/")
	case partAttachments:
		err = in.owned(ctx, s.attachments, partAttachments, partFingerprints+"/")
	case partFingerprints:
		err = in.owned(ctx, s.fingerprints, partFingerprints, partKeys+"/")
	case partKeys:
		err = in.owned(ctx, s.keys, partKeys, partSums+"/")
	case partSums:
		err = in.sums(ctx)
	default:
		err = errors.New("no such place")
	}
	return in.Inspection, wrap(err, "inspect %q", from)
}

// inspector is one call of Inspect.
type inspector struct {
	store.Inspection
	s  *Store
	at string // where to begin in the part
}

// note adds a finding, unless an error is none: nothing was found out then.
func (in *inspector) note(ctx context.Context, part, id string, err error) error {
	switch {
	case err == nil, errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrChanged), errors.Is(err, store.ErrEventsPurged):
		return nil // or it has changed meanwhile
	case ctx.Err() != nil || errors.Is(err, store.ErrUnavailable):
		return err
	}
	in.Damages = append(in.Damages, store.Damage{Part: part, BatchID: id, Err: err.Error()})
	return nil
}

// batches checks the documents of batches, and what belongs to them.
func (in *inspector) batches(ctx context.Context) error {
	opts := options.Find().SetSort(eq("_id", 1)).SetLimit(inspectBatches)
	docs, err := in.s.findBatches(ctx, eq("_id", eq("$gt", in.at)), opts)
	if err != nil {
		return err
	}
	in.Next = partLedger + "/"
	var size int64
	for i := range docs {
		if err := in.batch(ctx, &docs[i]); err != nil {
			return err
		}
		size += docs[i].size()
		if i+1 == inspectBatches || size > inspectDocs {
			in.Next = partBatches + "/" + docs[i].Key
			return nil
		}
	}
	return nil
}

// batch checks one batch.
func (in *inspector) batch(ctx context.Context, d *batchDoc) error {
	if d.damage != nil {
		return in.note(ctx, "batch", d.Key, d.damage)
	}
	if gone, err := in.s.isGone(ctx, d); gone || err != nil {
		return in.note(ctx, "ledger", d.ID, err)
	}
	if !isKept(d.Status) {
		return nil
	}
	checks := []struct {
		part  string
		check func(context.Context, *batchDoc) error
	}{
		{"attachment", in.s.checkAttached},
		{"pending", in.s.checkPending},
		{"key", in.s.checkKeys},
		{"events", in.s.checkWaiting},
		{"ledger", in.s.checkLedger},
		{"fingerprints", in.s.checkClaims},
	}
	for _, c := range checks {
		err := c.check(ctx, d)
		if err == nil {
			continue
		}
		if changed, wait := in.s.hasChanged(ctx, d); wait != nil {
			return wait
		} else if changed {
			return nil
		}
		if err := in.note(ctx, c.part, d.ID, c.check(ctx, d)); err != nil {
			return err
		}
	}
	return nil
}

// ledger checks that each contribution that counts is that of a batch.
func (in *inspector) ledger(ctx context.Context) error {
	ids, last, damaged, err := in.s.ledger.Batches(ctx, in.at, inspectKeys)
	if err != nil {
		return err
	}
	for id, err := range damaged {
		if err := in.note(ctx, "ledger", id, err); err != nil {
			return err
		}
	}
	for _, id := range ids {
		_, err := in.s.find(ctx, id)
		if !errors.Is(err, mongo.ErrNoDocuments) {
			if err != nil {
				return err
			}
			continue
		}
		gone, err := in.s.ledger.IsVoid(ctx, id)
		if !gone && err == nil {
			err = checksum.Corrupt("the batch is missing, and the ledger counts it")
		}
		if err := in.note(ctx, "batch", id, err); err != nil {
			return err
		}
	}
	if in.Next = partLedger + "/" + last; last == "" {
		in.Next = partEvents + "/"
	}
	return nil
}

// owned checks that what is in a collection belongs to a batch that may have it.
func (in *inspector) owned(ctx context.Context, c *mongo.Collection, part, next string) error {
	last, err := in.s.eachOwner(ctx, c, in.at, ownersPage, func(owner string) error {
		state, err := in.s.stateOf(ctx, c, owner)
		if err == nil && state != owned {
			err = checksum.Corrupt("there are %s of a batch that does not exist or has none any more", part)
		}
		id, _ := splitOwner(owner)
		return in.note(ctx, part, id, err)
	})
	if in.Next = part + "/" + last; last == "" {
		in.Next = next
	}
	return err
}

// sums checks the daily sums.
func (in *inspector) sums(ctx context.Context) error {
	damaged, last, err := in.s.rollup.InspectSums(ctx, in.at, inspectKeys)
	if err != nil {
		return err
	}
	for _, err := range damaged {
		if err := in.note(ctx, store.PartSums, "", err); err != nil {
			return err
		}
	}
	if last != "" {
		in.Next = partSums + "/" + last
	}
	return nil
}
