package legacy

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// Errors of Open.
var (
	// ErrSame means that source and target are the same database.
	ErrSame = errors.New("legacy: source and target are the same database")
	// ErrNotLegacy means that the database is not from the original service.
	ErrNotLegacy = errors.New("legacy: not a database of the original service")
)

// Source is a database of the original service. This package only reads it.
type Source struct {
	client *mongo.Client
	db     *mongo.Database
	page   int // documents in memory at once
}

// Open connects to the database in the path of a mongodb:// URI. Target is the URI of
// the target, or empty; targetDB is its database if the URI names none. The caller
// must Close the Source. Errors: ErrSame, ErrNotLegacy.
func Open(ctx context.Context, uri, target, targetDB string) (*Source, error) {
	name := databaseOf(uri)
	if name == "" {
		return nil, fmt.Errorf("%w: the URI must name the database: mongodb://host:27017/database", ErrNotLegacy)
	}
	o := options.Client().SetAppName("eventmetrics import").SetServerSelectionTimeout(5 * time.Second).ApplyURI(uri)
	if target != "" {
		to := databaseOf(target)
		if to == "" {
			to = targetDB
		}
		if name == to && overlap(o.Hosts, options.Client().ApplyURI(target).Hosts) {
			return nil, ErrSame
		}
	}
	client, err := mongo.Connect(o)
	if err != nil {
		return nil, fmt.Errorf("legacy: connect: %w", err)
	}
	s := &Source{client: client, db: client.Database(name), page: 500}
	if err := s.check(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Close disconnects.
func (s *Source) Close() error { return s.client.Disconnect(context.Background()) }

// databaseOf returns the database that a URI names. Package net/url does not accept
// URIs with several hosts.
func databaseOf(uri string) string {
	_, rest, _ := strings.Cut(uri, "://")
	rest, _, _ = strings.Cut(rest, "?")
	_, name, _ := strings.Cut(rest, "/")
	if plain, err := url.PathUnescape(name); err == nil {
		return plain
	}
	return name
}

// overlap reports whether two lists of hosts have one in common. Localhost and
// 127.0.0.1 are the same.
func overlap(a, b []string) bool {
	plain := func(host string) string {
		host = strings.ToLower(host)
		if !strings.Contains(host, ":") {
			host += ":27017"
		}
		return strings.Replace(host, "localhost:", "127.0.0.1:", 1)
	}
	return slices.ContainsFunc(a, func(h string) bool {
		return slices.ContainsFunc(b, func(other string) bool { return plain(h) == plain(other) })
	})
}

// check refuses a database of eventmetrics, whose collections have the same names,
// and a database without these collections.
func (s *Source) check(ctx context.Context) error {
	names, err := s.db.ListCollectionNames(ctx, bson.D{})
	if err != nil {
		return fmt.Errorf("legacy: list collections: %w", err)
	}
	switch {
	case slices.Contains(names, "shares"): // the original has no such collection
		return fmt.Errorf("%w: %q is a database of eventmetrics", ErrNotLegacy, s.db.Name())
	case !slices.Contains(names, "events") && !slices.Contains(names, "batches"):
		return fmt.Errorf("%w: %q has neither events nor batches", ErrNotLegacy, s.db.Name())
	}
	return nil
}

// indexed reports whether the events of a batch are found by an index.
func (s *Source) indexed(ctx context.Context) (bool, error) {
	all, err := s.db.Collection("events").Indexes().ListSpecifications(ctx)
	if err != nil {
		return false, fmt.Errorf("legacy: list indexes: %w", err)
	}
	return slices.ContainsFunc(all, func(i mongo.IndexSpecification) bool {
		first, err := i.KeysDocument.IndexErr(0)
		return err == nil && first.Key() == "batch_id"
	}), nil
}

func (s *Source) count(ctx context.Context, collection string) (int64, error) {
	n, err := s.db.Collection(collection).CountDocuments(ctx, bson.D{})
	if err != nil {
		return 0, fmt.Errorf("legacy: count %s: %w", collection, err)
	}
	return n, nil
}
