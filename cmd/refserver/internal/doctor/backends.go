package doctor

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/redis/go-redis/v9/logging"

	"github.com/eventmetrics/eventmetrics/internal/redisdial"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/queue/redisqueue"
	"github.com/eventmetrics/eventmetrics/queue/riverqueue"
	"github.com/eventmetrics/eventmetrics/store/mongostore"
	"github.com/eventmetrics/eventmetrics/store/sqlitestore"
)

// fileTime bounds the look into one SQLite file.
const fileTime = 5 * time.Second

// store checks the store.
func (c *checkup) store(ctx context.Context) {
	const check = "store"
	if c.MongoURI != "" {
		c.mongo(ctx, check)
		return
	}
	c.file(ctx, check, "events.db", "", func(ctx context.Context, path string) error {
		err := sqlitestore.Check(ctx, path)
		if err == nil {
			c.say(OK, check, "SQLite, the file is whole as far as was looked")
		}
		return err
	})
}

// file looks into a file of SQLite, unless a server has it. Look says itself
// that all is well.
func (c *checkup) file(ctx context.Context, check, name, comfort string, look func(context.Context, string) error) {
	if c.locked {
		c.say(OK, check, "SQLite, left to the server that has it")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, fileTime)
	defer cancel()
	err := look(ctx, filepath.Join(c.DataDir, name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		c.say(OK, check, "SQLite, no file yet; the server makes it")
	case err != nil:
		c.say(Fail, check, "%v: put a copy of %s back, or move it away%s", err, name, comfort)
	}
}

func (c *checkup) mongo(ctx context.Context, check string) {
	start := time.Now()
	now, err := mongostore.Check(ctx, c.MongoURI)
	took := time.Since(start)
	if err != nil {
		c.say(Fail, check, "MongoDB: %v: check MONGO_URI, the server and its user's roles", err)
	} else {
		c.say(OK, check, "MongoDB can be read and written")
	}
	if !now.IsZero() {
		c.clock("MongoDB", now, start, took)
	}
}

// queue checks the queue.
func (c *checkup) queue(ctx context.Context) {
	const check = "queue"
	if c.RedisURL != "" {
		c.redis(ctx, check)
		return
	}
	c.file(ctx, check, "queue.db", " (batches in line are enqueued again)", func(ctx context.Context, path string) error {
		stats, err := riverqueue.Check(ctx, path)
		if err == nil {
			c.stats(check, "SQLite", stats, false)
		}
		return err
	})
}

func (c *checkup) redis(ctx context.Context, check string) {
	const hint = "check REDIS_URL, the server and its user's rules"
	logging.Disable() // what it says is in the errors
	client, err := redisdial.Dial(c.RedisURL, 5*time.Second)
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
		c.say(Warn, check, "Redis may drop jobs when its memory is full: set maxmemory-policy to noeviction, it is %s", policy)
	}
	c.clock("Redis", now, start, took)
}

// longWait is the age of a waiting job from which somebody should look.
const longWait = 10 * time.Minute

// stats tells of the jobs. Where others may be working, a job that waits long
// is worth a warning; where no server runs, it cannot but wait.
func (c *checkup) stats(check, where string, s queue.Stats, shared bool) {
	c.say(OK, check, "%s: %d waiting, %d delayed, %d running, %d dead", where, s.Waiting, s.Delayed, s.Running, s.Dead)
	if s.Dead > 0 {
		c.dead(s.Dead)
	}
	if age := s.OldestWaiting.Round(time.Second); age > longWait {
		hint := "start a server"
		if shared {
			hint = "see whether servers run, start more or raise WORKERS"
		}
		c.say(Warn, check, "a job has waited for %v: %s", age, hint)
	}
}

func (c *checkup) dead(n int64) {
	c.say(Warn, "queue", "dead letters: %d; see GET /admin/queues/event-processing/dlq, and retry or discard them", n)
}
