package stmtcache

import (
	"context"
	"database/sql/driver"
	"fmt"
)

// maxIdle is the number of statements that a connection keeps.
const maxIdle = 128

// conn is a connection. Package database/sql calls no two of its methods, nor those
// of its rows, at the same time.
type conn struct {
	fullConn
	idle  map[string]*entry // the statements that are not running, by their text
	count int64             // of statements that became idle
}

// entry is an idle statement.
type entry struct {
	stmt fullStmt
	last int64 // conn.count when it became idle
}

// ExecContext implements driver.ExecerContext.
func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if !isKept(query) {
		return c.fullConn.ExecContext(ctx, query, args)
	}
	stmt, err := c.take(ctx, query)
	if err != nil {
		return nil, err
	}
	result, err := stmt.ExecContext(ctx, args)
	if err != nil {
		_ = stmt.Close() // err is what matters
		return nil, err
	}
	c.put(query, stmt)
	return result, nil
}

// QueryContext implements driver.QueryerContext.
func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if !isKept(query) {
		return c.fullConn.QueryContext(ctx, query, args)
	}
	stmt, err := c.take(ctx, query)
	if err != nil {
		return nil, err
	}
	result, err := stmt.QueryContext(ctx, args)
	if err != nil {
		_ = stmt.Close() // err is what matters
		return nil, err
	}
	return &rows{result, c, query, stmt}, nil
}

// take returns a statement that is not running. It belongs to the caller, because a
// program may run a statement again before it has read the rows of the first run.
func (c *conn) take(ctx context.Context, query string) (fullStmt, error) {
	if e := c.idle[query]; e != nil {
		delete(c.idle, query)
		return e.stmt, nil
	}
	stmt, err := c.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	full, ok := stmt.(fullStmt)
	if !ok {
		return nil, fmt.Errorf("stmtcache: %T lacks methods with a context", stmt)
	}
	return full, nil
}

// put keeps a statement that has run. If there are too many, it closes that which was
// not used for the longest time.
func (c *conn) put(query string, stmt fullStmt) {
	if c.idle[query] != nil {
		_ = stmt.Close() // its last run has succeeded
		return
	}
	c.count++
	c.idle[query] = &entry{stmt, c.count}
	if len(c.idle) <= maxIdle {
		return
	}
	oldest := query
	for q, e := range c.idle {
		if e.last < c.idle[oldest].last {
			oldest = q
		}
	}
	_ = c.idle[oldest].stmt.Close()
	delete(c.idle, oldest)
}

// Close implements driver.Conn.
func (c *conn) Close() error {
	for _, e := range c.idle {
		_ = e.stmt.Close() // the connection releases what is left
	}
	clear(c.idle)
	return c.fullConn.Close()
}

// rows puts its statement back when it is closed.
type rows struct {
	driver.Rows
	conn  *conn
	query string
	stmt  fullStmt
}

func (r *rows) Close() error {
	if err := r.Rows.Close(); err != nil {
		_ = r.stmt.Close() // err is what matters
		return err
	}
	r.conn.put(r.query, r.stmt)
	return nil
}
