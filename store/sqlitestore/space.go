package sqlitestore

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"

	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/sqlitestore/internal/diskspace"
)

// A disk that is full would stop the queue and the ledger too, and what removes
// data. So uploads, and copies of blocks, leave a reserve. When the free space is
// less, they may use only the free pages of the file, and the log is emptied
// before each of their transactions, so that it does not grow.

// reusable is the size of free pages in the file below which nothing is added
// while the disk is tight: two transactions of a Writer.
const reusable = 2 * spoolBytes

// space knows how full the file system is.
type space struct {
	of      func() (free, total int64, err error)
	reserve int64  // less than 0: none; 0: by the size of the file system
	log     string // the path of the log, or ""
}

// read returns the free space and the reserve, or zeros if they are not known.
func (p *space) read() (free, reserve int64) {
	if p.reserve < 0 || p.of == nil {
		return 0, 0
	}
	free, total, err := p.of()
	if err != nil {
		return 0, 0
	}
	return free, cmp.Or(p.reserve, diskspace.Reserve(total))
}

// owed is the space that the file may need for what is in the log.
func (p *space) owed() int64 {
	info, err := os.Stat(p.log)
	if err != nil {
		return 0
	}
	return info.Size()
}

// tight reports whether there is less free space than the reserve, when the
// pages in the log are in the file too.
func (p *space) tight() bool {
	free, reserve := p.read()
	return reserve > 0 && free-p.owed() < reserve
}

// room returns store.ErrFull if there is no room to add data. The log should
// have been emptied before.
func (p *space) room(ctx context.Context, q querier) error {
	if !p.tight() {
		return nil
	}
	free, reserve := p.read()
	var pages int64
	if err := q.QueryRowContext(ctx, "PRAGMA freelist_count").Scan(&pages); err != nil {
		return err
	}
	if free-p.owed() >= reserve/2 && pages*pageSize >= reusable {
		return nil
	}
	return fmt.Errorf("%w: %d bytes of disk space are free, and uploads leave %d", store.ErrFull, free, reserve)
}

// add is share for a transaction that adds data which an upload can do without.
// Errors: store.ErrFull.
func (s *Store) add(ctx context.Context, d durability, f func(tx *sql.Tx) error) error {
	s.emptyLogIfTight(ctx)
	return s.share(ctx, d, func(tx *sql.Tx) error {
		if err := s.space.room(ctx, tx); err != nil {
			return err
		}
		return f(tx)
	})
}

func (s *Store) emptyLogIfTight(ctx context.Context) {
	if !s.space.tight() {
		return
	}
	if err := s.tryEmptyLog(ctx); err != nil && ctx.Err() == nil {
		s.log.WarnContext(ctx, "emptying the log of a full disk failed", "err", err)
	}
}

// tryEmptyLog is emptyLog without waiting for readers.
func (s *Store) tryEmptyLog(ctx context.Context) error {
	conn, err := s.writer.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // returns the connection to its pool
	_, err = conn.ExecContext(ctx, "PRAGMA busy_timeout=0; PRAGMA wal_checkpoint(TRUNCATE)")
	_, restore := conn.ExecContext(context.WithoutCancel(ctx), fmt.Sprintf("PRAGMA busy_timeout=%d", busyTimeout))
	return errors.Join(err, restore)
}

// Space describes the room of a Store.
type Space struct {
	// Free is the free space of the file system, Reserve what uploads leave of
	// it, in bytes. Both are 0 if they are not known.
	Free, Reserve int64
	// Reusable is the size of the free pages in the file, in bytes, which new
	// batches use first. refserver compact returns them to the file system.
	Reusable int64
}

// Space returns the room of the Store.
func (s *Store) Space(ctx context.Context) (Space, error) {
	var p Space
	p.Free, p.Reserve = s.space.read()
	err := s.reader.QueryRowContext(ctx, "SELECT freelist_count * page_size FROM pragma_freelist_count, pragma_page_size").Scan(&p.Reusable)
	return p, wrap(ctx, err, "read free pages")
}

// FreeSpace returns the free bytes of the file system of a file or directory, and how
// many of them uploads to a store there leave free by default. The error says why
// that is not known, as on some operating systems.
func FreeSpace(path string) (free, reserve int64, err error) {
	free, total, err := diskspace.Of(path)
	return free, diskspace.Reserve(total), err
}
