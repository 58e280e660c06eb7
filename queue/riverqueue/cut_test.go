package riverqueue_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/eventmetrics/eventmetrics/queue/queuetest"
	"github.com/eventmetrics/eventmetrics/queue/riverqueue"
)

// onDisk is a queue on a file whose disk can be gone.
type onDisk struct {
	*riverqueue.Queue
	db   *sql.DB
	path string
	gone *atomic.Bool
}

func openOnDisk(t *testing.T, path string, s queuetest.Settings, change func(*riverqueue.Options)) *onDisk {
	t.Helper()
	dsn, err := riverqueue.DSN(path)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := sql.Open("sqlite", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = plain.Close() })
	d := &onDisk{path: path, gone: new(atomic.Bool)}
	d.db = sql.OpenDB(disk{plain.Driver(), dsn, d.gone})
	t.Cleanup(func() { _ = d.db.Close() })
	d.db.SetMaxOpenConns(1)
	o := options(s)
	if change != nil {
		change(o)
	}
	if d.Queue, err = riverqueue.New(t.Context(), d.db, o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

var errDisk = errors.New("disk I/O error")

// disk connects to a database whose disk can be gone.
type disk struct {
	driver driver.Driver
	dsn    string
	gone   *atomic.Bool
}

func (d disk) Driver() driver.Driver { return d.driver }

func (d disk) Connect(context.Context) (driver.Conn, error) {
	if d.gone.Load() {
		return nil, errDisk
	}
	c, err := d.driver.Open(d.dsn)
	if err != nil {
		return nil, err
	}
	return conn{c.(plainConn), d.gone}, nil
}

type plainConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ExecerContext
	driver.QueryerContext
}

type conn struct {
	plainConn
	gone *atomic.Bool
}

func (c conn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	if c.gone.Load() {
		return nil, errDisk
	}
	return c.plainConn.BeginTx(ctx, o)
}

func (c conn) ExecContext(ctx context.Context, q string, args []driver.NamedValue) (driver.Result, error) {
	if c.gone.Load() {
		return nil, errDisk
	}
	return c.plainConn.ExecContext(ctx, q, args)
}

func (c conn) QueryContext(ctx context.Context, q string, args []driver.NamedValue) (driver.Rows, error) {
	if c.gone.Load() {
		return nil, errDisk
	}
	return c.plainConn.QueryContext(ctx, q, args)
}
