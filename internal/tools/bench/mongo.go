package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
	"github.com/eventmetrics/eventmetrics/queue/memqueue"
	"github.com/eventmetrics/eventmetrics/store/mongostore"
)

// mongoRows is less than config.rows: the test server takes long.
const (
	mongoRows    = 200_000
	mongoWorkers = 4
)

func mongoTable() *table {
	return &table{
		name: "mongo", title: "MongoDB",
		about: fmt.Sprintf("%s rows like those above on the MongoDB-wire server of the tests (FerretDB on SQLite, which is not MongoDB), started for each "+
			"measurement. InsertMany is the driver's, with %d workers and 1,000 rows a call, and no index but that of _id.", number(mongoRows), mongoWorkers),
		columns: []column{
			{title: "rows/s", value: "rate"},
			{title: "ratio", value: "rate", ratio: true},
			{title: "our CPU, us a row", value: "cpu"},
			{title: "the server's", value: "server"},
			{title: "bytes stored a row", value: "stored"},
		},
		fixture: writeMongoFile,
		rows: []row{
			{name: "upload, `documents`", run: mongoUpload(mongostore.Documents), runs: 3},
			{name: "upload, `blocks`", run: mongoUpload(mongostore.Blocks), runs: 3},
			{name: "process it, `blocks`", run: mongoProcess, runs: 3},
			{name: "InsertMany", run: insertMany, runs: 3},
			{name: "mongoimport", run: mongoimport, runs: 3},
		},
	}
}

// mongoFile is the file.
const mongoFile = "mongo.csv"

func writeMongoFile(_ context.Context, _ *config, dir string) error {
	return writePlain(filepath.Join(dir, mongoFile), mongoRows)
}

// openMongo opens a store on a server of its own.
func (m *meter) openMongo(ctx context.Context, layout mongostore.EventsLayout) (*mongostore.Store, *testenv.Server, error) {
	server, err := m.startMongo()
	if err != nil {
		return nil, nil, err
	}
	st, err := mongostore.Open(ctx, server.URL+"bench", &mongostore.Options{Events: layout})
	if err != nil {
		return nil, nil, err
	}
	m.later(st.Close)
	return st, server, nil
}

func (m *meter) startMongo() (*testenv.Server, error) {
	server, err := testenv.OpenMongo(m.dir)
	if errors.Is(err, testenv.ErrMissing) {
		return nil, &skipError{err.Error()}
	}
	if err == nil {
		m.later(server.Kill)
	}
	return server, err
}

// timeOn is time for mongoRows, with the CPU time of a server.
func (m *meter) timeOn(server *testenv.Server, f func() error) error {
	before, err := cpuOf(server.PID())
	if err != nil {
		return err
	}
	if err := m.time(mongoRows, f); err != nil {
		return err
	}
	after, err := cpuOf(server.PID())
	m.result["server"] = float64((after - before).Nanoseconds()) / 1000 / mongoRows
	return err
}

func mongoUpload(layout mongostore.EventsLayout) func(context.Context, *meter) error {
	return func(ctx context.Context, m *meter) error {
		st, server, err := m.openMongo(ctx, layout)
		if err != nil {
			return err
		}
		service := eventmetrics.New(st, memqueue.New(nil), nil)
		err = m.timeOn(server, func() error {
			_, err := m.send(ctx, service, mongoFile, mongoRows, eventmetrics.DedupeNone)
			return err
		})
		if err != nil {
			return err
		}
		name := "events"
		if layout == mongostore.Blocks {
			name = "blocks"
		}
		return m.collectionSize(ctx, server, name)
	}
}

func (m *meter) collectionSize(ctx context.Context, server *testenv.Server, name string) error {
	events, err := m.collection(server, name)
	if err != nil {
		return err
	}
	var stats struct {
		Size float64 `bson:"totalSize"`
	}
	err = events.Database().RunCommand(ctx, bson.D{{Key: "collStats", Value: name}}).Decode(&stats)
	m.result["stored"] = stats.Size / mongoRows
	return err
}

func (m *meter) collection(server *testenv.Server, name string) (*mongo.Collection, error) {
	client, err := mongo.Connect(options.Client().ApplyURI(server.URL))
	if err != nil {
		return nil, err
	}
	m.later(func() error { return client.Disconnect(context.Background()) })
	return client.Database("bench").Collection(name), nil
}

func mongoProcess(ctx context.Context, m *meter) error {
	st, server, err := m.openMongo(ctx, mongostore.Blocks)
	if err != nil {
		return err
	}
	service := eventmetrics.New(st, memqueue.New(nil), nil)
	defer running(ctx, service)()
	id, err := m.send(ctx, service, mongoFile, mongoRows, eventmetrics.DedupeNone)
	if err != nil {
		return err
	}
	return m.timeOn(server, func() error { return finish(ctx, service, id) })
}

// insertMany does what mongoimport does: one goroutine decodes, workers insert.
func insertMany(ctx context.Context, m *meter) error {
	server, err := m.startMongo()
	if err != nil {
		return err
	}
	to, err := m.collection(server, "peer")
	if err != nil {
		return err
	}
	err = m.timeOn(server, func() error { return insertAll(ctx, to, m.fixture(mongoFile)) })
	if err != nil {
		return err
	}
	return m.collectionSize(ctx, server, "peer")
}

func insertAll(ctx context.Context, to *mongo.Collection, path string) error {
	parts := make(chan []any, mongoWorkers)
	errs := make([]error, mongoWorkers)
	var workers sync.WaitGroup
	for i := range errs {
		workers.Go(func() {
			for docs := range parts {
				if _, err := to.InsertMany(ctx, docs, options.InsertMany().SetOrdered(false)); err != nil {
					errs[i] = err
				}
			}
		})
	}
	err := decodeDocuments(path, parts)
	close(parts)
	workers.Wait()
	return errors.Join(append(errs, err)...)
}

func decodeDocuments(path string, parts chan<- []any) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // only read
	r := csv.NewReader(f)
	header, err := r.Read()
	if err != nil {
		return err
	}
	var docs []any
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		at, err := time.Parse(time.RFC3339, record[3])
		if err != nil {
			return err
		}
		docs = append(docs, bson.D{{Key: header[0], Value: record[0]}, {Key: header[1], Value: record[1]}, {Key: header[2], Value: record[2]}, {Key: header[3], Value: at}})
		if len(docs) == 1000 {
			parts <- docs
			docs = nil
		}
	}
	if len(docs) > 0 {
		parts <- docs
	}
	return nil
}

func mongoimport(ctx context.Context, m *meter) error {
	program, err := exec.LookPath("mongoimport")
	if err != nil {
		return &skipError{"there is no mongoimport in PATH"}
	}
	server, err := m.startMongo()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, program, "--uri", server.URL+"bench", "--collection", "peer", "--type", "csv",
		"--headerline", "--numInsertionWorkers", strconv.Itoa(mongoWorkers), "--file", m.fixture(mongoFile))
	if err := m.timeOn(server, cmd.Run); err != nil {
		return err
	}
	return m.collectionSize(ctx, server, "peer")
}
