package riverqueue

import "database/sql"

// DB returns the database of a queue made by Open.
func (q *Queue) DB() *sql.DB { return q.owned }
