package command_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/mongostore/internal/command"
)

// What servers without disk space answer: MongoDB, its hosted service, and
// servers that imitate it on PostgreSQL and SQLite.
func TestAFullServerIsErrFull(t *testing.T) {
	for name, answer := range map[string]error{
		"out of disk space":   mongo.CommandError{Code: 14031, Message: "available disk space of 100 bytes is less than required minimum"},
		"quota of a database": mongo.CommandError{Code: 12501, Message: "quota exceeded"},
		"quota of a cluster":  mongo.CommandError{Code: 8000, Message: "you are over your space quota, using 513 MB of 512 MB"},
		"the system's error":  mongo.CommandError{Code: 8, Message: "28: No space left on device"},
		"a write error":       mongo.WriteException{WriteErrors: mongo.WriteErrors{{Code: 14031, Message: "no space"}}},
		"PostgreSQL":          mongo.CommandError{Code: 1, Message: `could not extend file "base/1": No space left on device`},
		"SQLite":              mongo.CommandError{Code: 1, Message: "database or disk is full (13)"},
	} {
		t.Run(name, func(t *testing.T) {
			r := &command.Runner{RetryFor: time.Hour}
			calls := 0
			err := r.Do(t.Context(), func(context.Context) error { calls++; return answer })
			if !errors.Is(err, store.ErrFull) || !errors.Is(err, store.ErrUnavailable) || calls != 1 {
				t.Errorf("after %d calls: got %v, want %v at once", calls, err, store.ErrFull)
			}
		})
	}
	r := &command.Runner{RetryFor: time.Hour}
	other := mongo.CommandError{Code: 13, Message: "not authorized"}
	if err := r.Do(t.Context(), func(context.Context) error { return other }); errors.Is(err, store.ErrUnavailable) {
		t.Errorf("another error: %v", err)
	}
}
