package config

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/backends"
	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/tokens"
	"github.com/eventmetrics/eventmetrics/httpapi"
	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/ratelimit"
	"github.com/eventmetrics/eventmetrics/store/mongostore"
)

// Config is the configuration of the server. Settings go straight into the
// options of the packages that they configure.
type Config struct {
	// Service has the settings of the library.
	Service eventmetrics.Options
	// API has those of the HTTP API.
	API httpapi.Options
	// Backends say which store and queue to open.
	Backends backends.Options

	// Host and Port are the address of the API; port 0 picks a free one.
	Host string
	Port int
	// OpsAddr is the address of Prometheus metrics and pprof; "" means none.
	OpsAddr string
	// Tokens has further tokens, nil without TOKENS_FILE.
	Tokens *tokens.File
	// GenerateToken allows the server to generate a token even if it listens on
	// more than loopback addresses.
	GenerateToken bool
	// UploadLimit is the number of uploads that a client address may make in
	// each UploadWindow; 0 means no limit.
	UploadLimit  int64
	UploadWindow time.Duration
	// LogLevel and LogJSON configure the log on standard error.
	LogLevel slog.Level
	LogJSON  bool
}

// multipartFrame is the room for the multipart headers around a file.
const multipartFrame = 1 << 20

// Load reads the configuration of the server; flags are as for [Apply]. The error
// lists every mistake.
func Load(flags map[string][]string, getenv func(string) string) (*Config, error) {
	c := &Config{}
	if err := Apply(c.Settings(), flags, getenv); err != nil {
		return nil, err
	}
	return c, c.Complete()
}

// Complete checks how the settings fit together, and computes what follows from
// them. It is called once, after they were applied.
func (c *Config) Complete() error {
	if c.API.Token == "" && !c.GenerateToken && !IsLoopback(c.Host) {
		return fmt.Errorf("ADMIN_TOKEN (-admin-token): required to listen on %s; or set ALLOW_GENERATED_TOKEN=true", c.Host)
	}
	if c.Service.AuditEvery == 0 {
		c.Service.AuditEvery = -1 // 0 would mean the default
	}
	c.API.MaxBodyBytes = c.Service.MaxUploadBytes + multipartFrame
	return nil
}

// Settings returns all settings of a server.
func (c *Config) Settings() []Setting {
	return append(append(c.serverSettings(), c.DataSettings()...), c.runSettings()...)
}

// HostSetting and PortSetting are where a server listens, and so where commands
// find it.
func HostSetting(usage string, p *string) Setting { return New("HOST", "127.0.0.1", usage, Text(p)) }

// PortSetting is described at [HostSetting].
func PortSetting(usage string, p *int) Setting { return New("PORT", "3000", usage, Int(p, 0, 65535)) }

// DirSetting is the directory of the SQLite files.
func DirSetting(usage string, p *string) Setting { return New("DATA_DIR", "data", usage, Text(p)) }

// serverSettings returns the settings that only a server has.
func (c *Config) serverSettings() []Setting {
	s, api := &c.Service, &c.API
	return []Setting{
		HostSetting("`address` to listen on", &c.Host),
		PortSetting("`port` to listen on; 0 picks a free one", &c.Port),
		New("OPS_ADDR", "127.0.0.1:9464", "`address` of Prometheus metrics and pprof, or off", HostPort(&c.OpsAddr)),
		New("ADMIN_TOKEN", "", "bearer `token` of the API, the same for all replicas; if empty, one is generated, printed at startup and kept in DATA_DIR", Text(&api.Token)),
		New("TOKENS_FILE", "", "`file` with further tokens, each a line of name, role, SHA-256 and optionally the end; read again when it changes", c.readTokens),
		NewSwitch("ALLOW_GENERATED_TOKEN", "generate a token even when listening on more than loopback addresses", &c.GenerateToken),
		New("MAX_UPLOAD_BYTES", "1073741824", "maximum `size` of an uploaded file in bytes, after decompression", Int(&s.MaxUploadBytes, 1, math.MaxInt64/2)),
		New("MAX_UPLOADS", "8", "maximum number of concurrent uploads", Int(&api.MaxUploads, 1, 10_000)),
		New("UPLOAD_MEMORY_BYTES", "268435456", "memory of all uploads and of the batches being processed, in `bytes`", Int(&s.UploadMemory, eventmetrics.LeastUploadMemory, math.MaxInt64/2)),
		New("QUERY_MEMORY_BYTES", "268435456", "memory of all queries, in `bytes`", Int(&s.QueryMemory, eventmetrics.LeastQueryMemory, math.MaxInt64/2)),
		New("SCHEMAS_FILE", "", "JSON `file` with the schemas that uploads may select by name", c.readSchemas),
		New("UPLOAD_LIMIT", "", "`number` of new batches per client address in each rate-limit window, 0 for no limit; if empty, 1, and no limit for clients on this machine", c.limitUploads),
		New("UPLOAD_WINDOW_SECONDS", "60", "rate-limit window in seconds", Seconds(&c.UploadWindow, 1)),
		New("TRUSTED_PROXIES", "", "comma-separated address `prefixes` of proxies whose X-Forwarded-For is trusted: 10.0.0.0/8, loopback, private", c.trustProxies),
		New("CLEANUP_INTERVAL_SECONDS", "3600", "seconds between cleanups", Seconds(&s.CleanupEvery, 1)),
		New("CLEANUP_TTL_SECONDS", "86400", "age in seconds at which cleanup prunes unprocessed batches", Seconds(&s.CleanupTTL, 60)),
		New("AUDIT_INTERVAL_SECONDS", "600", "seconds between audits of a part of the ledger; 0 disables them", Seconds(&s.AuditEvery, 0)),
		New("RETAIN_EVENTS", "0", "`age` at which raw events of completed batches are purged, such as 90d or 36h; 0 means never", Period(&s.Retention.Events)),
		New("RETAIN_REJECTED", "0", "`age` at which rejected rows are purged; 0 means never", Period(&s.Retention.Rejected)),
		New("RETAIN_BATCHES", "0", "`age` at which completed batches are archived: only their counts remain; 0 means never", Period(&s.Retention.Batches)),
		New("RETAIN_DEAD", "0", "`age` at which dead letters are discarded; 0 means never", Period(&s.Retention.Dead)),
		New("RETENTION_INTERVAL_SECONDS", "3600", "seconds between runs of retention", Seconds(&s.RetainEvery, 1)),
	}
}

// StoreSettings returns the settings of a command that reads the store, wherever it
// is.
func (c *Config) StoreSettings() []Setting {
	b := &c.Backends
	return []Setting{
		New("MONGO_URI", "", "MongoDB `URI` of the store, mongodb://user:password@host/database; if empty, SQLite in DATA_DIR", checked(&b.MongoURI, mongostore.CheckURI)),
		New("MONGO_RETRY_SECONDS", "30", "seconds for which a command is sent again while MongoDB is unavailable", Seconds(&b.MongoRetry, 1)),
		DirSetting("`directory` of the SQLite files", &b.DataDir),
	}
}

// DataSettings returns the settings of a command that works on the data, wherever
// they are.
func (c *Config) DataSettings() []Setting {
	b := &c.Backends
	return append(c.StoreSettings(), []Setting{
		New("MONGO_EVENTS", "documents", "`layout` of the events of new batches in MongoDB: documents, or blocks, which take less time and space but cannot be queried", c.readEvents).Among(string(mongostore.Documents), string(mongostore.Blocks)),
		New("REDIS_URL", "", "Redis `URL` of the queue and the rate limiter, redis://user:password@host:6379/0; if empty, SQLite and memory", Text(&b.RedisURL)),
		New("DIMENSIONS", "", "up to three comma-separated `columns` by which metrics can be grouped and filtered, the same for all replicas", c.readDimensions),
		{Env: "LOG_LEVEL", Default: "info", Usage: "least `level` of the log: debug, info, warn or error", Words: []string{"debug", "info", "warn", "error"}, Set: Level(&c.LogLevel)},
		NewSwitch("LOG_JSON", "log JSON instead of text", &c.LogJSON),
	}...)
}

// runSettings returns the settings of the jobs and of the end of a server.
func (c *Config) runSettings() []Setting {
	b := &c.Backends
	return []Setting{
		New("WORKERS", "4", "maximum number of concurrent jobs", Int(&b.Workers, 1, 10_000)),
		New("SHUTDOWN_SECONDS", "30", "seconds that requests, and after them jobs, may take to finish after SIGTERM", Seconds(&b.DrainTimeout, 0)),
	}
}

// Address returns the host:port of the API.
func (c *Config) Address() string { return Address(c.Host, c.Port) }

// Address returns host:port.
func Address(host string, port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }

// LocalAddress replaces an unspecified host, which means all addresses, by one at
// which a program on this machine reaches it.
func LocalAddress(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

// Logger returns a logger that writes to standard error.
func (c *Config) Logger() *slog.Logger {
	opts := &slog.HandlerOptions{Level: c.LogLevel}
	if c.LogJSON {
		return slog.New(slog.NewJSONHandler(os.Stderr, opts))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, opts))
}

// IsLoopback reports whether a host is this machine.
func IsLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// limitUploads reads UPLOAD_LIMIT.
func (c *Config) limitUploads(text string) error {
	c.API.ExemptLocal, c.API.LimitSetting = text == "", "UPLOAD_LIMIT"
	return Int(&c.UploadLimit, 0, math.MaxInt64)(cmp.Or(text, "1"))
}

func (c *Config) readTokens(file string) (err error) {
	if file != "" {
		c.Tokens, err = tokens.Open(file)
	}
	return err
}

func (c *Config) readSchemas(file string) error {
	if file == "" {
		return nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	c.Service.Schemas, err = ingest.ParseSchemas(text)
	return err
}

func (c *Config) readDimensions(list string) error {
	if list == "" {
		return nil
	}
	var names []string
	for name := range strings.SplitSeq(list, ",") {
		names = append(names, strings.TrimSpace(name))
	}
	c.Service.Dimensions = names
	if err := (&eventmetrics.Options{Dimensions: names}).Validate(); err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), "eventmetrics: Options.Dimensions: "))
	}
	return nil
}

func (c *Config) readEvents(layout string) error {
	c.Backends.MongoEvents = mongostore.EventsLayout(layout)
	return nil
}

func (c *Config) trustProxies(list string) error {
	prefixes, err := ratelimit.ParseProxies(list)
	c.API.Source = ratelimit.NewClientIP(prefixes)
	return err
}

// checked accepts an empty value, and every value that check accepts.
func checked(p *string, check func(string) error) func(string) error {
	return func(v string) error {
		*p = v
		if v == "" {
			return nil
		}
		return check(v)
	}
}
