package store

import (
	"context"
	"iter"
)

// Reattacher is a [Store] that can change the attachments of a visible batch.
type Reattacher interface {
	// ReplaceAttachment puts content in the place of what the attachment called name
	// had, in one step; without chunks, the attachment is removed. A range
	// over the attachment meanwhile yields all that was there before, or ends
	// with ErrChanged. Of several at a time one is last. The store may range
	// over content several times, and keeps no chunk; the error of content is
	// returned, and nothing is changed then. The name is not
	// PendingContribution. Errors: ErrNotFound.
	ReplaceAttachment(ctx context.Context, id, name string, content iter.Seq2[[]byte, error]) error
}
