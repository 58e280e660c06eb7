package mongostore_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"

	"go.mongodb.org/mongo-driver/v2/event"

	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
	"github.com/eventmetrics/eventmetrics/store"
)

// TestAStatusThatIsSetAgainIsNoConflict sends an update twice, as a client does
// whose first answer is lost.
func TestAStatusThatIsSetAgainIsNoConflict(t *testing.T) {
	uri := testenv.Mongo(t)
	batches := database(t, uri).Collection("batches")
	var once sync.Once
	st := openSeen(t, uri, &net.Dialer{}, func(ctx context.Context, e *event.CommandStartedEvent) {
		if e.CommandName != "update" || e.Command.Lookup("update").StringValue() != batches.Name() {
			return
		}
		update := e.Command.Lookup("updates", "0").Document()
		once.Do(func() {
			if _, err := batches.ReplaceOne(ctx, update.Lookup("q").Document(), update.Lookup("u").Document()); err != nil {
				t.Error(err)
			}
		})
	})
	id := batchID(1)
	commit(t, opened(t, uri), id)
	from := []store.Status{store.Uploaded}
	if err := st.SetStatus(t.Context(), id, from, store.Queued, ""); err != nil {
		t.Errorf("SetStatus whose update is sent twice: %v", err)
	}
	if err := st.SetStatus(t.Context(), id, from, store.Queued, ""); !errors.Is(err, store.ErrConflict) {
		t.Errorf("SetStatus from a status that the batch does not have: %v, want ErrConflict", err)
	}
}
