// Package stepsql calls a function before every statement that a program sends
// to a database. With it, a test can stop or kill the program between any two
// statements.
package stepsql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
)

// Open is sql.Open with a step function, which is called before each
// statement and before each begin, commit and rollback, with its text. Step must
// be safe for concurrent use. The driver must implement the interfaces of
// database/sql/driver that take a context.
func Open(driverName, dsn string, step func(statement string)) (*sql.DB, error) {
	plain, err := sql.Open(driverName, dsn) // connects to nothing; only for its driver
	if err != nil {
		return nil, fmt.Errorf("stepsql: find driver: %w", err)
	}
	d := plain.Driver()
	if err := plain.Close(); err != nil {
		return nil, fmt.Errorf("stepsql: find driver: %w", err)
	}
	return sql.OpenDB(&connector{d, dsn, step}), nil
}

type connector struct {
	driver driver.Driver
	dsn    string
	step   func(string)
}

func (c *connector) Driver() driver.Driver { return c.driver }

func (c *connector) Connect(context.Context) (driver.Conn, error) {
	inner, err := c.driver.Open(c.dsn)
	if err != nil {
		return nil, err
	}
	full, ok := inner.(fullConn)
	if !ok {
		return nil, fmt.Errorf("stepsql: %T lacks methods with a context", inner)
	}
	return &conn{full, c.step}, nil
}

// fullConn is a connection with all methods that this package passes on.
type fullConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

type conn struct {
	fullConn
	step func(string)
}

func (c *conn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	c.step("BEGIN")
	inner, err := c.fullConn.BeginTx(ctx, opts)
	if err != nil {
		return nil, err
	}
	return &tx{inner, c.step}, nil
}

func (c *conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	inner, err := c.fullConn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	full, ok := inner.(fullStmt)
	if !ok {
		return nil, fmt.Errorf("stepsql: %T lacks methods with a context", inner)
	}
	return &stmt{full, query, c.step}, nil
}

func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	c.step(query)
	return c.fullConn.ExecContext(ctx, query, args)
}

func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	c.step(query)
	return c.fullConn.QueryContext(ctx, query, args)
}

type tx struct {
	driver.Tx
	step func(string)
}

func (t *tx) Commit() error {
	t.step("COMMIT")
	return t.Tx.Commit()
}

func (t *tx) Rollback() error {
	t.step("ROLLBACK")
	return t.Tx.Rollback()
}

type fullStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

type stmt struct {
	fullStmt
	query string
	step  func(string)
}

func (s *stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	s.step(s.query)
	return s.fullStmt.ExecContext(ctx, args)
}

func (s *stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	s.step(s.query)
	return s.fullStmt.QueryContext(ctx, args)
}
