package command

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// buildLogEvery is the time between the lines that say that an index is still
// being built.
const buildLogEvery = 10 * time.Second

// CreateIndex makes an index, of unique keys or of any, unless it is there. Building one on a collection
// with many documents may take hours, so it has no time limit but ctx; the log
// gets a line every ten seconds. If several processes ask for the same index,
// the server builds it once and all of them wait. A process that is lost
// meanwhile does not end the build.
func (r *Runner) CreateIndex(ctx context.Context, c *mongo.Collection, keys bson.D, unique bool) error {
	there, err := r.hasIndex(ctx, c, keys)
	if err == nil && !there {
		err = r.buildIndex(ctx, c, keys, unique)
	}
	if err != nil {
		return fmt.Errorf("make index of %s: %w", c.Name(), err)
	}
	return nil
}

// hasIndex compares keys, not names: the driver has named an index after another.
func (r *Runner) hasIndex(ctx context.Context, c *mongo.Collection, keys bson.D) (there bool, err error) {
	err = r.Do(ctx, func(ctx context.Context) error {
		indexes, err := c.Indexes().ListSpecifications(ctx)
		there = slices.ContainsFunc(indexes, func(i mongo.IndexSpecification) bool { return sameKeys(i.KeysDocument, keys) })
		return err
	})
	return there, err
}

func sameKeys(doc bson.Raw, keys bson.D) bool {
	elements, err := doc.Elements()
	return err == nil && slices.EqualFunc(elements, keys, func(e bson.RawElement, k bson.E) bool {
		order, ok := e.Value().AsInt64OK()
		return ok && e.Key() == k.Key && order == int64(k.Value.(int))
	})
}

func (r *Runner) buildIndex(ctx context.Context, c *mongo.Collection, keys bson.D, unique bool) error {
	start := time.Now()
	stop := every(buildLogEvery, func() {
		r.Log.InfoContext(ctx, "building an index", "collection", c.Name(), "index", keys.String(), "elapsed", time.Since(start).Round(time.Second).String())
	})
	defer stop()
	return r.repeat(ctx, func(ctx context.Context) error {
		_, err := c.Indexes().CreateOne(ctx, mongo.IndexModel{Keys: keys, Options: options.Index().SetUnique(unique)})
		return err
	})
}

// every calls f again and again until stop is called, which waits for it.
func every(d time.Duration, f func()) (stop func()) {
	ended, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(d)
		defer ticker.Stop()
		for {
			select {
			case <-ended:
				return
			case <-ticker.C:
				f()
			}
		}
	}()
	return func() { close(ended); <-done }
}
