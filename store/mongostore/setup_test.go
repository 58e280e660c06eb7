package mongostore_test

import (
	"context"
	"net"
	"testing"

	"go.mongodb.org/mongo-driver/v2/event"

	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
)

// TestIndexesAreBuiltOnceAndWithoutALimit opens a database twice. An index on a
// grown collection takes longer to build than any other command.
func TestIndexesAreBuiltOnceAndWithoutALimit(t *testing.T) {
	uri := testenv.Mongo(t)
	built := 0
	see := func(ctx context.Context, e *event.CommandStartedEvent) {
		if e.CommandName != "createIndexes" {
			return
		}
		built++
		_, limited := ctx.Deadline()
		if _, err := e.Command.LookupErr("maxTimeMS"); err == nil || limited {
			t.Errorf("the build has a time limit: %s", e.Command)
		}
	}
	openSeen(t, uri, &net.Dialer{}, see)
	first := built
	openSeen(t, uri, &net.Dialer{}, see)
	if first == 0 || built != first {
		t.Errorf("%d indexes were built at the first start and %d at the second", first, built-first)
	}
}
