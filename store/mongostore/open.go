package mongostore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/internal/heartbeat"
	"github.com/eventmetrics/eventmetrics/store/mongostore/internal/command"
	"github.com/eventmetrics/eventmetrics/store/mongostore/internal/rollup"
)

// Options change the defaults of a Store.
type Options struct {
	// RetryFor is how long a method sends a command again while the database
	// is unavailable; 0 means 30 s, more than an election takes after the primary
	// is lost. The context of the call may end it sooner.
	RetryFor time.Duration
	// Inserters is the number of concurrent insert commands of a Writer; 0
	// means 4.
	Inserters int
	// Events is the layout of the events of new batches; "" means Documents. It
	// may differ between processes, and from that of earlier batches.
	Events EventsLayout
	// Heartbeat is how often the Store shows that its Writers are alive, and
	// looks for those of lost processes, whose claims end after four to five
	// times as long; 0 means 2.5 s. All processes that use the database have the
	// same.
	Heartbeat time.Duration
	// Logger gets warnings about work in the background; nil discards them.
	Logger *slog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Store is a [store.Store] in a MongoDB database. It implements all optional
// interfaces of package store. It is safe for concurrent use, by several
// processes too.
type Store struct {
	client *mongo.Client // nil if borrowed
	run    *command.Runner
	opts   Options

	events, blocks, batches, attachments, keys, fingerprints, layout *mongo.Collection

	ledger    *rollup.Ledger
	rollup    *rollup.Rollup
	heart     *heartbeat.Heart[bson.ObjectID]
	closeOnce sync.Once

	straysLock  sync.Mutex
	straysAfter map[string]string // where Prune goes on looking, by collection
}

var (
	_ store.Store     = (*Store)(nil)
	_ store.Auditor   = (*Store)(nil)
	_ store.Deduper   = (*Store)(nil)
	_ store.Explainer = (*Store)(nil)
	_ store.Inspector = (*Store)(nil)
	_ store.Retainer  = (*Store)(nil)
)

// DefaultDatabase is the database of a URI that names none.
const DefaultDatabase = "eventmetrics"

// ErrForeign means that another program has made collections in the database
// with the names that a Store uses.
var ErrForeign = errors.New("mongostore: database belongs to another program")

// Open connects to the deployment that a mongodb:// or mongodb+srv:// URI
// names and opens the database in its path. Writes wait for a majority. The
// caller must Close the Store. Nil options mean the defaults. No error cites
// the URI. Errors: [ErrForeign]; [ErrVersion];
// store.ErrUnavailable.
func Open(ctx context.Context, uri string, opts *Options) (*Store, error) {
	client, err := connect(uri)
	if err != nil {
		return nil, err
	}
	s, err := New(ctx, client.Database(databaseOf(uri)), opts)
	if err != nil {
		return nil, errors.Join(err, client.Disconnect(context.WithoutCancel(ctx)))
	}
	s.client = client
	return s, nil
}

func connect(uri string) (*mongo.Client, error) {
	if err := CheckURI(uri); err != nil {
		return nil, fmt.Errorf("mongostore: %w", err)
	}
	client, err := mongo.Connect(options.Client().
		SetAppName("eventmetrics").
		SetServerSelectionTimeout(5 * time.Second).
		SetConnectTimeout(5 * time.Second).
		ApplyURI(uri))
	if err != nil {
		return nil, fmt.Errorf("mongostore: connect: %w", err)
	}
	return client, nil
}

// databaseOf returns the database in the path of a URI. Package net/url does not
// parse a URI with several hosts.
func databaseOf(uri string) string {
	_, rest, _ := strings.Cut(uri, "://")
	rest, _, _ = strings.Cut(rest, "?")
	_, name, _ := strings.Cut(rest, "/")
	if plain, err := url.PathUnescape(name); err == nil {
		name = plain
	}
	return cmp.Or(name, DefaultDatabase)
}

// New returns a Store in a database and makes the indexes that are missing, for
// as long as that takes. Whatever the client is set to, the Store reads from the
// primary what a majority has, and its writes wait for a majority. The caller
// must Close the Store, and then disconnect the client. Nil options mean the
// defaults. Errors: [ErrForeign]; [ErrVersion];
// store.ErrUnavailable.
func New(ctx context.Context, db *mongo.Database, opts *Options) (*Store, error) {
	s := newStore(db, opts)
	if s.opts.Events != Documents && s.opts.Events != Blocks {
		s.rollup.Close()
		return nil, errLayout
	}
	if err := s.setUp(ctx); err != nil {
		s.rollup.Close()
		return nil, fmt.Errorf("mongostore: open database %q: %w", db.Name(), err)
	}
	s.startHeart()
	return s, nil
}

// newStore returns a Store that has not been set up.
func newStore(db *mongo.Database, opts *Options) *Store {
	db = db.Client().Database(db.Name(), options.Database().
		SetReadPreference(readpref.Primary()).
		SetReadConcern(readconcern.Majority()).
		SetWriteConcern(writeconcern.Majority()))
	s := &Store{
		events: db.Collection("events"), blocks: db.Collection("blocks"), batches: db.Collection("batches"), attachments: db.Collection("attachments"),
		keys: db.Collection("keys"), fingerprints: db.Collection("fingerprints"), layout: db.Collection("layout"),
		straysAfter: map[string]string{},
	}
	if opts != nil {
		s.opts = *opts
	}
	s.opts.RetryFor = cmp.Or(max(s.opts.RetryFor, 0), 30*time.Second)
	s.opts.Events = cmp.Or(s.opts.Events, Documents)
	s.opts.Inserters = cmp.Or(max(s.opts.Inserters, 0), 4)
	if s.opts.Now == nil {
		s.opts.Now = time.Now
	}
	log := cmp.Or(s.opts.Logger, slog.New(slog.DiscardHandler))
	s.run = &command.Runner{DB: db, RetryFor: s.opts.RetryFor, Log: log}
	s.ledger = rollup.NewLedger(s.run, s.now)
	s.rollup = rollup.New(s.ledger, log)
	return s
}

// Close ends the work in the background and disconnects if the Store was opened
// with [Open]. Another process goes on with that work, or this one when it
// starts again. Closing again does nothing.
func (s *Store) Close() error {
	var err error
	s.closeOnce.Do(func() {
		s.heart.Stop()
		s.rollup.Close()
		if s.client != nil {
			err = s.client.Disconnect(context.Background())
		}
	})
	return err
}

// now is the time to the millisecond, as it is kept.
func (s *Store) now() time.Time { return s.opts.Now().UTC().Truncate(time.Millisecond) }
