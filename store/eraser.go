package store

import "context"

// Erasure names events that are to be removed from a batch.
type Erasure struct {
	// ID names the erasure; Batch.Erasure has it afterwards. It is new.
	ID string
	// After is what Batch.Erasure was when the caller looked.
	After string
	// Field and Value select the events for which Event.Field(Field) is Value.
	// Both are not empty.
	Field, Value string
}

// Eraser is a [Store] that can remove single events of a visible batch,
// whatever its status.
type Eraser interface {
	// Erase removes the events that e selects, in one step, adds their number
	// to Batch.Erased and sets Batch.Erasure. Batch.Events stays the number of
	// rows that were accepted. A range over the events meanwhile yields all
	// that were there before, or ends with ErrChanged. It returns the number of
	// events that are gone by this call, which, repeated after an error, may
	// find none; if there are none, nothing changes. The ledger and the
	// attachments stay as they are. Value is nowhere in the store's own notes
	// once it has returned nil.
	//
	// Errors: ErrNotFound; ErrEventsPurged when the batch is sealed; ErrConflict when
	// Batch.Erasure is neither e.After nor e.ID.
	Erase(ctx context.Context, id string, e Erasure) (int64, error)
}
