// Package audittest checks that audits of a store raise no false alarm while
// the store changes. Call [Beside] in the tests of every store that can be
// audited.
package audittest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/queue/memqueue"
	"github.com/eventmetrics/eventmetrics/store"
)

// Beside audits a store while three goroutines each change it n times: they
// upload and process batches, erase subjects, purge events, reprocess and delete
// batches. It reports everything that the audits and the reprocesses find. The
// store must be a [store.Retainer] and a [store.Auditor].
func Beside(t *testing.T, st store.Store, n int) {
	t.Helper()
	q := memqueue.New(&memqueue.Options{Retry: queue.Retry{Base: time.Millisecond}})
	svc := eventmetrics.New(st, q, &eventmetrics.Options{
		AuditEvery: -1, ReprocessEvery: -1, CleanupEvery: -1, Subject: "candidate_id", Dimensions: []string{"test_id"},
	})
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var workers sync.WaitGroup
	defer workers.Wait()
	workers.Go(func() {
		if err := svc.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	var changes sync.WaitGroup
	for worker := range 3 {
		changes.Go(func() {
			for i := range n {
				if err := change(t.Context(), svc, st, worker, i); err != nil {
					t.Errorf("change %d of %d: %v", i, worker, err)
					return
				}
			}
		})
	}
	over := make(chan struct{})
	go func() {
		changes.Wait()
		close(over)
	}()
	rounds(t, svc, over)
	stop()
}

// rounds audits until over is closed, and once more.
func rounds(t *testing.T, svc *eventmetrics.Service, over <-chan struct{}) {
	for last := false; !last; {
		select {
		case <-over:
			last = true
		default:
		}
		all, err := svc.Audit(t.Context())
		if err != nil && !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("Audit: %v", err)
		}
		if !all.OK {
			t.Errorf("a false alarm in round %d: %+v %+v %+v", all.Rounds, all.Drifts, all.Unreadable, all.WrongDays)
			<-over
			return
		}
		if last {
			t.Logf("%d rounds looked at %d batches and %d days", all.Rounds, all.Total.Batches, all.Total.Days)
		}
	}
}

// change uploads and processes a batch on a few days, and then purges, keeps,
// reprocesses or deletes it.
func change(ctx context.Context, svc *eventmetrics.Service, st store.Store, worker, i int) error {
	var content strings.Builder
	content.WriteString("candidate_id,test_id,event_type,timestamp\n")
	for row := range 20 {
		fmt.Fprintf(&content, "C%d,T,type-%d,2025-11-%02dT%02d:00:00Z\n", row*(i+1), row%3, 1+(i+row/7)%4, row%24)
	}
	receipt, err := svc.Upload(ctx, eventmetrics.File{Body: strings.NewReader(content.String()), AllowDuplicate: true})
	if err != nil {
		return err
	}
	id := receipt.Batch.ID
	if err := svc.Process(ctx, id); err != nil {
		return err
	}
	if _, err := svc.Wait(ctx, id); err != nil {
		return err
	}
	switch (worker + i) % 5 {
	case 0:
		sealer, _ := store.As[store.Retainer](st)
		return sealer.PurgeEvents(ctx, id)
	case 1:
		return nil
	case 2:
		report, err := svc.Reprocess(ctx)
		if err == nil && report.Drifted+report.Unreadable > 0 {
			err = fmt.Errorf("a false alarm of a reprocess: %+v", report)
		}
		return err
	case 3:
		return erase(ctx, st, i)
	}
	return svc.DeleteBatch(ctx, id)
}

// erase erases a subject of many batches, as a process without dimensions.
func erase(ctx context.Context, st store.Store, i int) error {
	counts := eventmetrics.KeepCounts
	if i%2 == 0 {
		counts = eventmetrics.SubtractCounts
	}
	svc := eventmetrics.New(st, memqueue.New(nil), &eventmetrics.Options{Subject: "candidate_id"})
	receipt, err := svc.Erase(ctx, eventmetrics.Erasure{Subject: fmt.Sprintf("C%d", 1+i%7), Counts: counts})
	if err == nil && receipt.Unreadable > 0 {
		err = fmt.Errorf("an erasure is not complete: %+v", receipt)
	}
	return err
}
