package store

import "context"

// Inspector is a [Store] that can look for damage in all that it keeps.
type Inspector interface {
	// Inspect checks a part of what the store keeps: the part that begins at a
	// place, or the first part if it is empty. Going on at Inspection.Next until
	// that is empty checks everything but the events of completed batches, which
	// an audit recounts. Inspect changes nothing and repairs nothing. A place
	// stays valid when the store changes. What is damaged is in the answer and no
	// error.
	Inspect(ctx context.Context, from string) (Inspection, error)
}

// Inspection is the result of checking a part of a store.
type Inspection struct {
	// Damages is what was found.
	Damages []Damage
	// Next is the place at which the next part begins, or "" after the last one.
	Next string
}

// Damage is a part of a store that is not what was written.
type Damage struct {
	// Part is the kind of what is damaged, for example batch, attachment,
	// events, ledger, fingerprints, structure or sums. Sums are repaired by
	// [Auditor].Rebuild.
	Part string
	// BatchID is the batch to which it belongs, or "".
	BatchID string
	// Err says what is wrong.
	Err string
}

// PartSums is the Damage.Part of what Rebuild repairs.
const PartSums = "sums"
