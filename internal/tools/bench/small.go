package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/queue/redisqueue"
	"github.com/eventmetrics/eventmetrics/queue/riverqueue"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/mongostore"
	"github.com/eventmetrics/eventmetrics/store/sqlitestore"
)

func smallTable() *table {
	return &table{
		name: "small", title: "Small files",
		about: "Files of 1,000 rows on 2 days, through the Go API. Each upload is durable when its call returns; processed files count in the " +
			"metrics. The first row is what the disk can do: a file of the same size is written, synced and renamed. CPU is that of this process. The " +
			"server of the tests is not MongoDB, and looks through whole collections.",
		columns: []column{
			{title: "files/s", value: "rate"},
			{title: "CPU, us a file", value: "cpu"},
			{title: "call p50, ms", value: "p50"},
			{title: "call p99, ms", value: "p99"},
		},
		rows: []row{
			{name: "a synced file, 8 at once", run: syncedFiles},
			{name: "SQLite, 8 clients, uploads alone", run: small(onFiles, 8, 1, false)},
			{name: "SQLite and River, 8 clients, processed", run: small(onFiles, 8, 1, true)},
			{name: "SQLite and River, one client, processed", run: small(onFiles, 1, 4, true)},
			{name: "MongoDB (test server) and Redis, 8 clients, uploads alone", run: small(onServers, 8, 8, false), runs: 3},
			{name: "MongoDB (test server) and Redis, 8 clients, processed", run: small(onServers, 8, 8, true), runs: 3},
		},
	}
}

// backends opens a store and a queue, which are closed after the measurement.
type backends func(ctx context.Context, m *meter) (store.Store, queue.Queue, error)

func onFiles(ctx context.Context, m *meter) (store.Store, queue.Queue, error) {
	st, err := sqlitestore.Open(ctx, m.path("events.db"), nil)
	if err != nil {
		return nil, nil, err
	}
	m.later(st.Close)
	q, err := riverqueue.Open(ctx, m.path("queue.db"), nil)
	if err != nil {
		return nil, nil, err
	}
	m.later(q.Close)
	return st, q, nil
}

func onServers(ctx context.Context, m *meter) (store.Store, queue.Queue, error) {
	st, _, err := m.openMongo(ctx, mongostore.Blocks)
	if err != nil {
		return nil, nil, err
	}
	server, err := testenv.OpenRedis(m.dir, "--appendonly", "yes")
	if err != nil {
		return nil, nil, err
	}
	m.later(server.Kill)
	q, err := redisqueue.Open(ctx, server.URL, nil)
	if err != nil {
		return nil, nil, err
	}
	m.later(q.Close)
	return st, q, nil
}

// small sends a part of the files.
func small(on backends, clients, part int, process bool) func(context.Context, *meter) error {
	return func(ctx context.Context, m *meter) error {
		files := m.files / part
		st, q, err := on(ctx, m)
		if err != nil {
			return err
		}
		service := eventmetrics.New(st, q, nil)
		if process {
			defer running(ctx, service)()
		}
		var ids []string
		var mu sync.Mutex
		all := smallFiles(files)
		return m.time(float64(files), func() error {
			err := m.eachFile(files, clients, func(i int) error {
				receipt, err := service.Upload(ctx, eventmetrics.File{Name: "small.csv", Body: bytes.NewReader(all[i])})
				if err != nil || !process {
					return err
				}
				mu.Lock()
				ids = append(ids, receipt.Batch.ID)
				mu.Unlock()
				return service.Process(ctx, receipt.Batch.ID)
			})
			for _, id := range ids {
				if b, waited := service.Wait(ctx, id); waited != nil || b.Status != store.Completed {
					return errors.Join(err, waited, fmt.Errorf("a batch is %s", b.Status))
				}
			}
			return err
		})
	}
}

// running lets the workers of a service run until the returned function is called.
func running(ctx context.Context, service *eventmetrics.Service) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = service.Run(ctx) // what it did not do, the waiting shows
	}()
	return func() {
		cancel()
		<-ended
	}
}

// smallFiles returns n files, which are all different.
func smallFiles(n int) [][]byte {
	all := make([][]byte, n)
	for i := range all {
		b := bytes.NewBufferString("candidate_id,test_id,event_type,timestamp\n")
		for k := range 1000 {
			_, _ = fmt.Fprintf(b, "C%d,T%d,%s,2025-11-%02dT%02d:%02d:00Z\n", i*1000+k, k%50, benchTypes[k%8], i/50%28+1+k%2, k%24, i%60)
		}
		all[i] = b.Bytes()
	}
	return all
}

// eachFile calls f for each of the files, from clients at the same time, and notes
// how long the calls took.
func (m *meter) eachFile(files, clients int, f func(i int) error) error {
	took := make([]time.Duration, files)
	errs := make([]error, clients)
	var all sync.WaitGroup
	for c := range clients {
		all.Go(func() {
			for i := c; i < files && errs[c] == nil; i += clients {
				start := time.Now()
				errs[c] = f(i)
				took[i] = time.Since(start)
			}
		})
	}
	all.Wait()
	m.percentiles(took)
	return errors.Join(errs...)
}

func (m *meter) percentiles(took []time.Duration) {
	slices.Sort(took)
	m.result["p50"], m.result["p99"] = milliseconds(took[len(took)/2]), milliseconds(took[len(took)*99/100])
}

func syncedFiles(_ context.Context, m *meter) error {
	text := smallFiles(1)[0]
	return m.time(float64(m.files), func() error {
		return m.eachFile(m.files, 8, func(i int) error {
			path := m.path(fmt.Sprint("small", i))
			f, err := os.Create(path)
			if err != nil {
				return err
			}
			_, err = f.Write(text)
			return errors.Join(err, f.Sync(), f.Close(), os.Rename(path, path+".csv"))
		})
	})
}
