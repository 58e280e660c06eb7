package mongostore_test

import (
	"testing"

	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
	"github.com/eventmetrics/eventmetrics/store/mongostore"
)

func TestADatabaseHasOneID(t *testing.T) {
	uri := testenv.Mongo(t)
	a, b, other := opened(t, uri), opened(t, uri), opened(t, testenv.Mongo(t))
	ids := map[string]bool{}
	for _, st := range []*mongostore.Store{a, b, a} {
		id, err := st.ID(t.Context())
		if err != nil || id == "" {
			t.Fatalf("ID is %q, %v", id, err)
		}
		ids[id] = true
	}
	if len(ids) != 1 {
		t.Errorf("one database has the ids %v", ids)
	}
	if id, err := other.ID(t.Context()); err != nil || ids[id] {
		t.Errorf("the id of another database is %q, %v; want one of its own", id, err)
	}
}
