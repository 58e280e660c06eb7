package store

import (
	"errors"
	"fmt"
)

// Errors of every Store.
var (
	// ErrNotFound means that there is no such batch.
	ErrNotFound = errors.New("store: batch not found")
	// ErrConflict means that the batch is in none of the expected statuses.
	ErrConflict = errors.New("store: batch is in another status")
	// ErrIDTaken means that another batch has the id of a new one, or had it.
	ErrIDTaken = errors.New("store: batch id taken")
	// ErrKeyTaken means that another batch has the idempotency key.
	ErrKeyTaken = errors.New("store: idempotency key taken")
	// ErrEventsPurged means that the raw events of the batch were purged.
	ErrEventsPurged = errors.New("store: raw events purged")
	// ErrChanged means that the events or the attachment were replaced while
	// they were read. Reading again returns all of the new content.
	ErrChanged = errors.New("store: changed while it was read")
	// ErrClaimed means that an unfinished batch has the fingerprint.
	ErrClaimed = errors.New("store: fingerprint of an unfinished batch")
	// ErrUnavailable means that the database could not be reached, or could
	// not serve, for as long as the store tried. Whether a change was made is
	// unknown; the call may be repeated later.
	ErrUnavailable = errors.New("store: database unavailable")
	// ErrFull is an ErrUnavailable: the database has no space left. The change
	// was not made. Reading goes on, and so does everything once there is space
	// again.
	ErrFull = fmt.Errorf("%w: no space left", ErrUnavailable)
	// ErrUnsupported means that the store does not implement the optional
	// interface that the call needs.
	ErrUnsupported = errors.New("eventmetrics: not supported by this store")
)
