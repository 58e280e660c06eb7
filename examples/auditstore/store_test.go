package auditstore_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/examples/auditstore"
	"github.com/eventmetrics/eventmetrics/queue/memqueue"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/memstore"
	"github.com/eventmetrics/eventmetrics/store/storetest"
)

// A wrapper must keep every promise of a store, and so it passes the suite.
func TestConformance(t *testing.T) {
	storetest.Run(t, storetest.Harness{
		Open: func(*testing.T) store.Store {
			return auditstore.New(memstore.New(), slog.New(slog.DiscardHandler))
		},
		Scale:        0.1,
		ClaimTimeout: 10 * time.Millisecond, // with the process all claims are lost
	})
}

// plain is a store without optional interfaces.
type plain struct{ store.Store }

func TestWrapperAddsNoFeature(t *testing.T) {
	st := auditstore.New(plain{memstore.New()}, slog.New(slog.DiscardHandler))
	if _, ok := store.As[store.Retainer](st); ok {
		t.Error("the wrapper is a Retainer, the wrapped store is not")
	}
}

func Example() {
	log := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey || a.Key == "batch" || a.Key == "erasure" { // they differ each time
				return slog.Attr{}
			}
			return a
		},
	}))
	service := eventmetrics.New(auditstore.New(memstore.New(), log), memqueue.New(nil), nil)

	alice := auditstore.WithUser(context.Background(), "alice")
	const file = "candidate_id,test_id,event_type,timestamp\nC1,T1,started,2025-11-08\nC2,T1,started,2025-11-08\n"
	receipt, err := service.Upload(alice, eventmetrics.File{Name: "a.csv", Body: strings.NewReader(file)})
	if err != nil {
		fmt.Println(err)
		return
	}
	bob := auditstore.WithUser(context.Background(), "bob")
	if _, err := service.Erase(bob, eventmetrics.Erasure{Subject: "C2", Counts: eventmetrics.KeepCounts}); err != nil {
		fmt.Println(err)
	}
	if err := service.DeleteBatch(bob, receipt.Batch.ID); err != nil {
		fmt.Println(err)
	}
	// Output:
	// level=INFO msg=audit action=upload user=alice file=a.csv accepted_rows=2
	// level=INFO msg=audit action=erase user=bob events=1
	// level=INFO msg=audit action=delete user=bob
}
