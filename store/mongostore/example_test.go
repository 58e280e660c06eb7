package mongostore_test

import (
	"context"
	"fmt"
	"time"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/queue/memqueue"
	"github.com/eventmetrics/eventmetrics/store/mongostore"
)

// A store may be opened by any number of processes. No replica set is needed.
func Example() { //nolint:testableexamples // it needs a MongoDB at this address
	ctx := context.Background()
	st, err := mongostore.Open(ctx, "mongodb://127.0.0.1:27017/eventmetrics", &mongostore.Options{RetryFor: time.Minute})
	if err != nil {
		fmt.Println(err) // store.ErrUnavailable if there is no server
		return
	}
	defer st.Close()
	service := eventmetrics.New(st, memqueue.New(nil), nil) // several processes need redisqueue
	fmt.Println(service.Validate())
}
