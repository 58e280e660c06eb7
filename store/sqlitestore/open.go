package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"sync"
	"time"

	"github.com/eventmetrics/eventmetrics/internal/driver/stmtcache"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/internal/heartbeat"
)

// Options change the defaults of a Store.
type Options struct {
	// Logger gets warnings; nil discards them.
	Logger *slog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Reserve is the free space of the file system, in bytes, that uploads and
	// erasures leave to the ledger and to other files. They fail with
	// store.ErrFull when there is less. 0 means 64 MiB, or an eighth of the
	// file system if that is less; less than 0 means none.
	Reserve int64
	// Heartbeat is how often the Store shows that its Writers are alive, and
	// looks for those of lost processes, whose claims end after four to five
	// times as long; 0 means 2.5 s. All processes that use the file have the
	// same.
	Heartbeat time.Duration
	// FreeSpace returns the free and the total bytes of the file system of the
	// file; nil asks the operating system.
	FreeSpace func() (free, total int64, err error)
}

// Store is a [store.Store] in one SQLite file. It implements all optional
// interfaces of package store. It is safe for concurrent use.
type Store struct {
	writer, reader *sql.DB
	owned          bool
	log            *slog.Logger
	now            func() time.Time
	sizes          sizes
	space          space
	heart          *heartbeat.Heart[int64]
	turns          turns

	mu       sync.Mutex
	closed   bool
	left     []leftover
	staging  map[string]bool // the staged attachments of this process
	quit     chan struct{}   // closed with the Store
	spoolers sync.WaitGroup
}

var (
	_ store.Store     = (*Store)(nil)
	_ store.Auditor   = (*Store)(nil)
	_ store.Deduper   = (*Store)(nil)
	_ store.Explainer = (*Store)(nil)
	_ store.Inspector = (*Store)(nil)
	_ store.Retainer  = (*Store)(nil)
)

// DSN returns the data source names, for the driver called sqlite, of the two
// handles that [New] needs for the file at path.
func DSN(path string) (writer, reader string) {
	file := (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath()}).String()
	busy := fmt.Sprintf("?_pragma=busy_timeout(%d)", busyTimeout)
	return file + busy + "&_txlock=immediate&_pragma=cache_size(-4000)&_pragma=secure_delete(1)",
		file + busy + "&_pragma=query_only(1)"
}

// busyTimeout is how long a write waits for that of another process, in
// milliseconds.
const busyTimeout = 10_000

// idleReaders is the number of read connections that are kept open.
const idleReaders = 4

// Open opens or creates the file at path, and migrates a file of an earlier
// release. Nil options mean the defaults. The caller must Close the Store.
// Errors: [ErrVersion].
func Open(ctx context.Context, path string, opts *Options) (*Store, error) {
	writerDSN, readerDSN := DSN(path)
	writer, err := stmtcache.Open(writerDSN)
	if err != nil {
		return nil, fmt.Errorf("sqlitestore: open %q: %w", path, err)
	}
	reader, err := stmtcache.Open(readerDSN)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("sqlitestore: open %q: %w", path, err), writer.Close())
	}
	reader.SetMaxIdleConns(idleReaders)
	s, err := New(ctx, writer, reader, opts)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("sqlitestore: open %q: %w", path, err), writer.Close(), reader.Close())
	}
	s.owned = true
	return s, nil
}

// New returns a Store on two handles of the same file, opened with the names
// that [DSN] returns. It creates its tables if they are missing, and migrates
// those of an earlier release. It limits writer to one open connection. The
// caller must Close the Store, and then the handles. Nil options mean the
// defaults. Errors: [ErrVersion].
func New(ctx context.Context, writer, reader *sql.DB, opts *Options) (*Store, error) {
	s := newStore(writer, reader, opts)
	writer.SetMaxOpenConns(1)
	if err := s.setUp(ctx); err != nil {
		return nil, markUnavailable(err)
	}
	s.startHeart(opts)
	return s, nil
}

func newStore(writer, reader *sql.DB, opts *Options) *Store {
	s := &Store{
		writer: writer, reader: reader, quit: make(chan struct{}), staging: map[string]bool{},
		log: slog.New(slog.DiscardHandler), now: time.Now, sizes: sizes{leaf: 2048, level: 32 << 10, leaves: 128, dense: 256},
	}
	if opts != nil && opts.Logger != nil {
		s.log = opts.Logger
	}
	if opts != nil && opts.Now != nil {
		s.now = opts.Now
	}
	if opts != nil {
		s.space = space{of: opts.FreeSpace, reserve: opts.Reserve}
	}
	return s
}

// Close ends the Writers that are still open, whose calls then fail, and the work
// in the background, and closes the handles if the Store was opened with [Open].
// It is safe to repeat.
func (s *Store) Close() error {
	s.mu.Lock()
	again := s.closed
	if !again {
		s.closed = true
		close(s.quit)
	}
	s.mu.Unlock()
	s.heart.Stop()
	s.spoolers.Wait()
	if again || !s.owned {
		return nil
	}
	return errors.Join(s.reader.Close(), s.writer.Close())
}
