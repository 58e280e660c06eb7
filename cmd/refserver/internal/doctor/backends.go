package doctor

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/redis/go-redis/v9/logging"

	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/backends"
	"github.com/eventmetrics/eventmetrics/internal/driver/redisdial"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/queue/redisqueue"
	"github.com/eventmetrics/eventmetrics/queue/riverqueue"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/mongostore"
	"github.com/eventmetrics/eventmetrics/store/sqlitestore"
)

// fileTimeout bounds the check of one SQLite file.
const fileTimeout = 5 * time.Second

// store checks the store.
func (c *checkup) store(ctx context.Context) {
	const check = "store"
	if c.Backends.MongoURI != "" {
		c.mongo(ctx, check)
		return
	}
	if c.Backends.RedisURL == "" && !c.locked {
		if err := backends.CheckPair(ctx, c.Backends.DataDir); errors.Is(err, backends.ErrLostStore) {
			c.say(Fail, check, "SQLite: %v", err)
			return
		}
	}
	c.file(ctx, check, backends.StoreFile, "", func(ctx context.Context, path string) error {
		err := sqlitestore.Check(ctx, path)
		damaged, ok := errors.AsType[*sqlitestore.DamageError](err)
		switch {
		case ok:
			c.damages(check, damaged.Damages)
			return nil
		case err == nil && ctx.Err() != nil:
			c.say(OK, check, "SQLite: no damage found in %v, which were not enough for the whole file; GET /admin/integrity has the audit of a running server", fileTimeout)
		case err == nil:
			c.say(OK, check, "SQLite: no damage found")
		}
		return err
	})
}

// damages reports what is damaged in the file of the store, at most ten of it.
func (c *checkup) damages(check string, all []store.Damage) {
	const most = 10
	for _, d := range all[:min(most, len(all))] {
		if d.BatchID == "" {
			c.say(Fail, check, "SQLite: damaged: %s: %s: restore %s from a backup", d.Part, d.Err, backends.StoreFile)
			continue
		}
		c.say(Fail, check, "SQLite: damaged: %s, batch %s: %s: restore %s from a backup, or delete the batch and upload its file again",
			d.Part, d.BatchID, d.Err, backends.StoreFile)
	}
	if len(all) > most {
		c.say(Fail, check, "SQLite: and %d more damages", len(all)-most)
	}
}

// file inspects a SQLite file, unless a running server uses it. If there is no
// error, inspect has reported its own finding. The alternative to a backup is added
// to the advice.
func (c *checkup) file(ctx context.Context, check, name, alternative string, inspect func(context.Context, string) error) {
	if c.locked {
		c.say(OK, check, "SQLite: not checked, because a running server uses it")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, fileTimeout)
	defer cancel()
	err := inspect(ctx, filepath.Join(c.Backends.DataDir, name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		c.say(OK, check, "SQLite: no file yet; the server will create it")
	case errors.Is(err, sqlitestore.ErrVersion), errors.Is(err, riverqueue.ErrVersion):
		c.say(Fail, check, "%s: %v", name, err)
	case err != nil:
		c.say(Fail, check, "%v: restore %s from a backup%s", err, name, alternative)
	}
}

func (c *checkup) mongo(ctx context.Context, check string) {
	start := time.Now()
	now, err := mongostore.Check(ctx, c.Backends.MongoURI)
	took := time.Since(start)
	if err != nil {
		c.say(Fail, check, "MongoDB: %v: check MONGO_URI, the server and the roles of the user", err)
	} else {
		c.say(OK, check, "MongoDB: read and write access")
	}
	if !now.IsZero() {
		c.clock("MongoDB", now, start, took)
	}
}

// queue checks the queue.
func (c *checkup) queue(ctx context.Context) {
	const check = "queue"
	if c.Backends.RedisURL != "" {
		c.redis(ctx, check)
		return
	}
	c.file(ctx, check, backends.QueueFile, ", or move it out of the directory (queued batches will be enqueued again)", func(ctx context.Context, path string) error {
		stats, err := riverqueue.Check(ctx, path)
		if err == nil {
			c.stats(check, "SQLite", stats, false)
		}
		return err
	})
}

func (c *checkup) redis(ctx context.Context, check string) {
	const hint = "check REDIS_URL, the server and the ACL of the user"
	logging.Disable() // the errors say the same
	url, found, err := redisdial.Cluster(ctx, c.Backends.RedisURL)
	if err != nil {
		c.say(Fail, check, "REDIS_URL: %v", err)
		return
	}
	if found {
		c.say(Warn, check, "REDIS_URL names one node of a Redis Cluster: name others with the parameter addr, so that a server starts without this node")
	}
	client, err := redisdial.Dial(url, 5*time.Second)
	if err != nil {
		c.say(Fail, check, "REDIS_URL: %v", err)
		return
	}
	defer client.Close() //nolint:errcheck // it was only read
	start := time.Now()
	now, err := client.Time(ctx).Result()
	took := time.Since(start)
	if err != nil {
		c.say(Fail, check, "Redis: %v: %s", err, hint)
		return
	}
	q, err := redisqueue.New(client, nil)
	if err != nil {
		c.say(Fail, check, "Redis: %v", err)
		return
	}
	defer q.Close() //nolint:errcheck // it was only read
	if stats, err := q.Stats(ctx); err != nil {
		c.say(Fail, check, "Redis: %v: %s", err, hint)
	} else {
		c.stats(check, "Redis", stats, true)
	}
	info, err := client.Info(ctx, "memory").Result()
	_, rest, found := strings.Cut(info, "maxmemory_policy:")
	if policy, _, _ := strings.Cut(rest, "\r\n"); err == nil && found && policy != "noeviction" {
		c.say(Warn, check, "Redis may drop jobs when its memory is full: maxmemory-policy is %s, set it to noeviction", policy)
	}
	c.clock("Redis", now, start, took)
}

// longWait is the age of a waiting job that deserves a warning.
const longWait = 10 * time.Minute

// stats reports the jobs of a queue. A shared queue may have other consumers.
func (c *checkup) stats(check, where string, s queue.Stats, shared bool) {
	c.say(OK, check, "%s: %d waiting, %d delayed, %d running, %d dead", where, s.Waiting, s.Delayed, s.Running, s.Dead)
	if s.Dead > 0 {
		c.dead(s.Dead)
	}
	if age := s.OldestWaiting.Round(time.Second); age > longWait {
		hint := "start a server"
		if shared {
			hint = "check that servers are running, start more, or raise WORKERS"
		}
		c.say(Warn, check, "a job has been waiting for %v: %s", age, hint)
	}
}

func (c *checkup) dead(n int64) {
	c.say(Warn, "queue", "dead letters: %d; see GET /admin/queues/event-processing/dlq, then retry or discard them", n)
}
