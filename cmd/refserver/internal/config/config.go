package main

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/settings"
	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/ratelimit"
	"github.com/eventmetrics/eventmetrics/store/mongostore"
)

// config is what the server is told. See settings for the meanings.
type config struct {
	host, opsAddr  string
	port           int
	mongoURI       string
	redisURL       string
	dataDir        string
	token          string
	anyAddress     bool
	logLevel       slog.Level
	logJSON        bool
	maxUploadBytes int64
	maxUploads     int
	schemas        map[string]ingest.Schema
	dimensions     []string
	uploadLimit    int64
	uploadWindow   time.Duration
	trusted        []netip.Prefix
	cleanupEvery   time.Duration
	cleanupTTL     time.Duration
	auditEvery     time.Duration
	retention      eventmetrics.Retention
	retainEvery    time.Duration
	workers        int
	shutdown       time.Duration
}

// serverSettings are those that only a server has.
func (c *config) serverSettings() []settings.Setting {
	return []settings.Setting{
		settings.New("HOST", "127.0.0.1", "`address` to listen on", settings.Text(&c.host)),
		settings.New("PORT", "3000", "`port` to listen on; 0 picks one", settings.Int(&c.port, 0, 65535)),
		settings.New("OPS_ADDR", "127.0.0.1:9464", "`address` of Prometheus metrics and pprof; off for none", settings.Address(&c.opsAddr)),
		settings.New("ADMIN_TOKEN", "", "bearer `token` of the API, the same for all replicas; made and printed at the start if empty", settings.Text(&c.token)),
		settings.New("ALLOW_GENERATED_TOKEN", "false", "make a token also when listening on other than loopback addresses", settings.Bool(&c.anyAddress)),
		settings.New("MAX_UPLOAD_BYTES", "1073741824", "greatest `size` of an uploaded file, decompressed", settings.Int(&c.maxUploadBytes, 1, math.MaxInt64/2)),
		settings.New("MAX_UPLOADS", "8", "uploads at a time", settings.Int(&c.maxUploads, 1, 10_000)),
		settings.New("SCHEMAS_FILE", "", "JSON `file` of the schemas that uploads may name; empty for none", c.readSchemas),
		settings.New("UPLOAD_LIMIT", "1", "uploads in each window from one client address; 0 means any number", settings.Int(&c.uploadLimit, 0, math.MaxInt64)),
		settings.New("UPLOAD_WINDOW_SECONDS", "60", "length of that window", settings.Seconds(&c.uploadWindow, 1)),
		settings.New("TRUSTED_PROXIES", "", "`prefixes` whose X-Forwarded-For is believed: 10.0.0.0/8, loopback, private", c.trust),
		settings.New("CLEANUP_INTERVAL_SECONDS", "3600", "time between cleanups", settings.Seconds(&c.cleanupEvery, 1)),
		settings.New("CLEANUP_TTL_SECONDS", "86400", "age from which unprocessed batches are removed", settings.Seconds(&c.cleanupTTL, 60)),
		settings.New("AUDIT_INTERVAL_SECONDS", "600", "time between looks at a part of the ledger and its sums; 0 for none", settings.Seconds(&c.auditEvery, 0)),
		settings.New("RETAIN_EVENTS", "0", "`age` from which the raw events of completed batches are purged, such as 90d; 0 for never", settings.Period(&c.retention.Events)),
		settings.New("RETAIN_REJECTED", "0", "`age` from which rejected rows are removed; 0 for never", settings.Period(&c.retention.Rejected)),
		settings.New("RETAIN_BATCHES", "0", "`age` from which completed batches are removed, all but their counts; 0 for never", settings.Period(&c.retention.Batches)),
		settings.New("RETAIN_DEAD", "0", "`age` from which dead letters are discarded; 0 for never", settings.Period(&c.retention.Dead)),
		settings.New("RETENTION_INTERVAL_SECONDS", "3600", "time between searches for what is older than that", settings.Seconds(&c.retainEvery, 1)),
	}
}

// commonSettings are those of everything that works on the data.
func (c *config) commonSettings() []settings.Setting {
	return []settings.Setting{
		settings.New("MONGO_URI", "", "MongoDB `database` of batches and events, mongodb://user:password@host/database; empty for SQLite in DATA_DIR", checked(&c.mongoURI, mongostore.CheckURI)),
		settings.New("REDIS_URL", "", "Redis `server` of the queue and the upload limit, redis://user:password@host:6379/0; empty for SQLite and memory", settings.Text(&c.redisURL)),
		settings.New("DATA_DIR", "data", "`directory` of what is kept in SQLite", settings.Text(&c.dataDir)),
		settings.New("DIMENSIONS", "", "up to three `columns`, with commas between them, by whose values metrics can be grouped and filtered; the same for all replicas", c.readDimensions),
		settings.New("LOG_LEVEL", "info", "debug, info, warn or error", settings.Level(&c.logLevel)),
		settings.New("LOG_JSON", "false", "log JSON instead of text", settings.Bool(&c.logJSON)),
		settings.New("WORKERS", "4", "jobs at a time", settings.Int(&c.workers, 1, 10_000)),
		settings.New("SHUTDOWN_SECONDS", "30", "time for requests, then for jobs, to end after SIGTERM", settings.Seconds(&c.shutdown, 0)),
	}
}

// load reads the configuration. The error lists every mistake.
func load(args []string, getenv func(string) string) (*config, error) {
	c := &config{}
	if err := settings.Load("refserver", args, getenv, append(c.serverSettings(), c.commonSettings()...)); err != nil {
		return nil, err
	}
	if c.token == "" && !c.anyAddress && !isLoopback(c.host) {
		return nil, fmt.Errorf("ADMIN_TOKEN (-admin-token): needed to listen on %s; or set ALLOW_GENERATED_TOKEN=true", c.host)
	}
	return c, nil
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

func (c *config) readSchemas(file string) error {
	if file == "" {
		return nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	c.schemas, err = ingest.ParseSchemas(text)
	return err
}

func (c *config) readDimensions(list string) error {
	c.dimensions = nil
	if list == "" {
		return nil
	}
	for name := range strings.SplitSeq(list, ",") {
		c.dimensions = append(c.dimensions, strings.TrimSpace(name))
	}
	err := (&eventmetrics.Options{Dimensions: c.dimensions}).Validate()
	if err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), "eventmetrics: Options.Dimensions: "))
	}
	return nil
}

func (c *config) trust(v string) (err error) {
	c.trusted, err = ratelimit.ParseProxies(v)
	return err
}

// checked takes an empty value, and others that check has nothing against.
func checked(p *string, check func(string) error) func(string) error {
	return func(v string) error {
		*p = v
		if v == "" {
			return nil
		}
		return check(v)
	}
}

func (c *config) newLogger() *slog.Logger {
	opts := &slog.HandlerOptions{Level: c.logLevel}
	if c.logJSON {
		return slog.New(slog.NewJSONHandler(os.Stderr, opts))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, opts))
}
