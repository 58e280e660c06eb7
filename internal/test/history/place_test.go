package history_test

import (
	"context"
	"strconv"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/eventmetrics/eventmetrics/internal/test/site"
	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
)

// pair is a kind of store and a kind of queue.
type pair struct {
	name         string
	mongo, redis bool
}

func pairs() []pair {
	return []pair{
		{"sqlite and river", false, false},
		{"mongo and redis", true, true},
		{"sqlite and redis", false, true},
		{"mongo and river", true, false},
	}
}

// machines are what the histories of a pair use one after the other.
type machines struct {
	mongo, redis *testenv.Server
}

func (p *pair) start(t *testing.T) *machines {
	t.Helper()
	m := &machines{}
	if p.mongo {
		m.mongo = testenv.StartMongo(t, t.TempDir())
	}
	if p.redis {
		m.redis = testenv.Redis(t)
	}
	return m
}

// place is where the data of a history are.
type place struct {
	site site.Site
	fill []filling
}

// filling is something that can be full.
type filling struct {
	name  string
	fill  func(free int64) error
	empty func() error
}

// place returns a new place.
func (p *pair) place(t *testing.T, m *machines) *place {
	t.Helper()
	d := smallDisk(t)
	l := &place{site: site.Site{Dir: d.dir}}
	if (!p.mongo || !p.redis) && d.small {
		l.fill = append(l.fill, filling{"the disk", d.fill, d.empty})
	}
	if p.mongo {
		l.site.Mongo = m.mongo.URL + testenv.Name(t)
		l.site.Blocks = !p.redis
	}
	if p.redis {
		l.site.Redis, l.site.Jobs = m.redis.URL, testenv.Name(t)
		l.fill = append(l.fill, filling{"Redis", m.limitRedis, m.unlimitRedis})
	}
	return l
}

// limitRedis leaves Redis no memory.
func (m *machines) limitRedis(int64) error { return m.setRedis(1) }

func (m *machines) unlimitRedis() error { return m.setRedis(0) }

func (m *machines) setRedis(bytes int) error {
	options, err := redis.ParseURL(m.redis.URL)
	if err != nil {
		return err
	}
	client := redis.NewClient(options)
	defer func() { _ = client.Close() }()
	return client.ConfigSet(context.Background(), "maxmemory", strconv.Itoa(bytes)).Err()
}
