package store

import "context"

// Pinger is a [Store] that can say whether its database answers.
type Pinger interface {
	// Ping returns nil if the database can be read and written now.
	Ping(ctx context.Context) error
}
