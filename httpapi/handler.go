package httpapi

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"runtime"
	"sync"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/httpapi/ui"
	"github.com/eventmetrics/eventmetrics/ratelimit"
)

// Options configure a [Handler]. One of Token, Tokens and Authorize must be set.
type Options struct {
	// Token is the bearer token of RoleAdmin, with the name admin. Every request
	// needs this or one of Tokens, except those for health, the dashboard and the
	// documentation. The dashboard exchanges it for a cookie.
	Token string
	// Tokens returns further tokens. It is called for each request, by several
	// goroutines at a time. The slice is only read. Their names must differ from
	// each other and from admin.
	Tokens func() []Token
	// SessionKey signs the cookies of sessions: at least 32 random bytes, the same
	// for all replicas. With nil a random one is used, and sessions end with the
	// process.
	SessionKey []byte

	// Authorize replaces Token, Tokens and the sessions: it returns who sends a
	// request, ErrUnauthenticated for 401, and any other error for 403. It decides
	// on the page of the dashboard too, so that a browser asks for a password or
	// is sent to SignInURL. AllowAll allows every request, for handlers that are
	// protected by other means.
	Authorize func(*http.Request) (Identity, error)
	// Challenge is the WWW-Authenticate header of answers 401 with Authorize, such
	// as `Basic realm="reports"`; "" means none.
	Challenge string
	// SignInURL is the page where people sign in to your program, with Authorize.
	// The dashboard sends those there who are not signed in, with the parameter
	// return_to, the path and query of the page that they wanted. "" means that
	// there is none.
	SignInURL string

	// Product is the name that the dashboard and the documentation show; "" means
	// eventmetrics.
	Product string
	// Version is the version of your program, which GET /health says to everyone;
	// "" means that it does not say it.
	Version string
	// NoDashboard leaves out the dashboard, NoDocs /docs and /openapi.yaml.
	NoDashboard, NoDocs bool

	// Limiter limits uploads by client address; nil means no limit.
	Limiter ratelimit.Limiter
	// Source finds the client address; nil trusts no proxy.
	Source *ratelimit.ClientIP
	// ExemptLocal means that uploads from this machine are not limited, see
	// [ratelimit.ClientIP.IsLocal].
	ExemptLocal bool
	// LimitSetting is the name of the setting that configures Limiter in your
	// program. Answers of a refusal name it, if it is not empty.
	LimitSetting string

	// MaxUploads is the number of concurrent uploads. Further ones are answered
	// with 503 and Retry-After; 0 means twice GOMAXPROCS, at least 4.
	MaxUploads int
	// MaxBodyBytes bounds the body of an upload as it is sent, compressed or
	// not; 0 means 1 GiB and 1 MiB. The decompressed file is bounded by the
	// Service.
	MaxBodyBytes int64
	// StallTimeout is the time in which an upload must send 16 KiB more, twice as
	// much in each further StallTimeout up to 2 MiB, and in which the client must
	// read each write of an answer. Otherwise the request ends. The time in which
	// the server does not read does not count. 0 means 30 s.
	StallTimeout time.Duration

	// QueueName is the name of the queue in paths; "" means event-processing.
	QueueName string
	// Logger gets a line for each request; nil discards them.
	Logger *slog.Logger
	// TracerProvider gets a span for each request, in the trace that
	// OpenTelemetry's global propagator finds in its headers; nil means the
	// global one.
	TracerProvider trace.TracerProvider
	// MeterProvider gets the times of requests; nil means the global one.
	MeterProvider metric.MeterProvider
}

// Handler serves the API. It is safe for concurrent use.
type Handler struct {
	svc        *eventmetrics.Service
	opts       Options
	mux        *http.ServeMux
	compressed http.Handler // mux, with answers compressed
	logger     *slog.Logger
	observed   telemetry
	uploads    chan struct{} // a slot for each upload under way
	streams    chan struct{} // and for each stream of events
	watch      *watcher
	dashboard  *ui.Dashboard
	docs       []byte // the page /docs
	key        []byte // signs sessions
	origins    *http.CrossOriginProtection
	now        func() time.Time
	started    time.Time
	drain      sync.Once
	drained    chan struct{} // closed by Drain
}

// New returns a Handler for svc. It returns an error if opts has none of Token,
// Tokens and Authorize, or if the options of svc are invalid.
func New(svc *eventmetrics.Service, opts *Options) (*Handler, error) {
	if opts == nil || opts.Token == "" && opts.Tokens == nil && opts.Authorize == nil {
		return nil, errors.New("httpapi: none of Token, Tokens and Authorize is set")
	}
	if n := len(opts.SessionKey); n > 0 && n < leastKey {
		return nil, fmt.Errorf("httpapi: SessionKey has %d bytes, want at least %d", n, leastKey)
	}
	if svc == nil {
		return nil, errors.New("httpapi: New needs a service, got nil")
	}
	if err := svc.Validate(); err != nil {
		return nil, err
	}
	h := &Handler{svc: svc, opts: *opts, started: time.Now(), now: time.Now}
	h.setDefaults()
	h.uploads = make(chan struct{}, h.opts.MaxUploads)
	h.streams = make(chan struct{}, maxStreams)
	h.watch = newWatcher(svc.Batches, svc.Batch)
	h.drained = make(chan struct{})
	h.origins = http.NewCrossOriginProtection()
	if h.key = opts.SessionKey; len(h.key) == 0 {
		h.key = []byte(rand.Text() + rand.Text())
	}
	var err error
	if h.dashboard, err = ui.New(&ui.Page{Product: h.opts.Product, Docs: !opts.NoDocs}); err != nil {
		return nil, err
	}
	h.docs = docsPage(&h.opts)
	h.observed = newTelemetry(opts.TracerProvider, opts.MeterProvider)
	h.mux = http.NewServeMux()
	for _, route := range h.routes() {
		h.mux.Handle(route.pattern, h.endpoint(route))
	}
	h.compressed, err = compress(h.mux)
	return h, err
}

// leastKey is the least number of bytes of Options.SessionKey.
const leastKey = 32

func (h *Handler) setDefaults() {
	o := &h.opts
	o.Product = cmp.Or(o.Product, "eventmetrics")
	if o.Source == nil {
		o.Source = ratelimit.NewClientIP(nil)
	}
	if o.MaxUploads <= 0 {
		o.MaxUploads = max(4, 2*runtime.GOMAXPROCS(0))
	}
	if o.MaxBodyBytes <= 0 {
		o.MaxBodyBytes = 1<<30 + 1<<20
	}
	if o.StallTimeout <= 0 {
		o.StallTimeout = 30 * time.Second
	}
	if o.QueueName == "" {
		o.QueueName = "event-processing"
	}
	h.logger = o.Logger
	if h.logger == nil {
		h.logger = slog.New(slog.DiscardHandler)
	}
}

// handlerFunc serves an endpoint. It returns an error instead of writing one;
// it must not have written anything then. It reads its parameters with
// newParams and has no effect before they are known to be right.
type handlerFunc func(http.ResponseWriter, *http.Request) error

// route is one endpoint.
type route struct {
	pattern string
	access  access
	serve   handlerFunc
}

// routes is the table of all endpoints, and of the roles that may use them.
func (h *Handler) routes() []route {
	all := []route{
		{"GET /health", public, h.health},
		{"GET /healthz", public, h.healthz},
		{"GET /readyz", public, h.readyz},
		{"GET /session", public, h.whoAmI},
		{"POST /session", public, h.signIn},
		{"DELETE /session", public, h.signOut},
		{"POST /uploads", uploaders, h.upload},
		{"GET /metrics", overviews | viewers, h.metrics},
		{"GET /metrics/explain", viewers, h.explain},
		{"GET /schema", overviews | viewers | uploaders, h.schema},
		{"GET /batches", viewers, h.batches},
		{eventsPattern, viewers, noParams(h.events)},
		{"GET /batches/{id}", viewers | uploaders, noParams(h.batch)},
		{"DELETE /batches/{id}", admins, noParams(h.deleteBatch)},
		{"GET /batches/{id}/contents", viewers | uploaders, noParams(h.contents)},
		{"GET /batches/{id}/errors", viewers | uploaders, noParams(h.repair)},
		{"POST /batches/{id}/process", admins, noParams(h.process)},
		{"GET /admin/queues", viewers, noParams(h.queues)},
		{"GET /admin/queues/{name}", viewers, noParams(h.queue)},
		{"GET /admin/queues/{name}/dlq", viewers, h.deadLetters},
		{"POST /admin/queues/{name}/dlq/retry", admins, noParams(h.retryAll)},
		{"POST /admin/queues/{name}/dlq/{id}/retry", admins, noParams(h.retryDead)},
		{"DELETE /admin/queues/{name}/dlq/{id}", admins, h.discardDead},
		{"POST /admin/reprocess", admins, noParams(h.reprocess)},
		{"POST /admin/cleanup", admins, h.cleanup},
		{"GET /admin/integrity", viewers, noParams(h.integrity)},
		{"POST /admin/integrity", admins, noParams(h.audit)},
		{"POST /admin/retention", admins, h.retain},
		{"POST /admin/erasures", admins, noParams(h.erase)},
	}
	if !h.opts.NoDashboard {
		all = append(all, route{"GET /{$}", public, h.index}, route{"GET /assets/{path...}", public, h.asset})
	}
	if !h.opts.NoDocs {
		all = append(all, route{"GET /openapi.yaml", public, h.specification}, route{"GET /docs", public, h.documentation})
	}
	return all
}

// Patterns lists the patterns that the handler serves, in the form of
// http.ServeMux.
func (h *Handler) Patterns() []string {
	var patterns []string
	for _, r := range h.routes() {
		patterns = append(patterns, r.pattern)
	}
	return patterns
}

// Drain makes /readyz fail, so that load balancers stop sending requests while
// the server shuts down, and ends the streams of events, one for each open
// dashboard, which http.Server.Shutdown would wait for. Other requests are served.
// Register it with http.Server.RegisterOnShutdown, or call it before Shutdown. It
// may be called more than once.
func (h *Handler) Drain() { h.drain.Do(func() { close(h.drained) }) }

func (h *Handler) draining() bool {
	select {
	case <-h.drained:
		return true
	default:
		return false
	}
}

// endpoint authorizes a request, serves it, and answers an error.
func (h *Handler) endpoint(route route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := h.crossOrigin(r)
		if err == nil && route.access != public {
			err = h.authorize(r, route.access)
			r = r.WithContext(eventmetrics.WithCaller(r.Context(), short(callerOf(r).Name)))
		}
		if err == nil {
			err = checkQuery(r)
		}
		if err == nil {
			err = route.serve(w, r)
		}
		if err != nil {
			h.fail(w, r, toProblem(err))
		}
	})
}

// checkQuery returns an error for a query string of which a part would be lost.
func checkQuery(r *http.Request) error {
	if _, err := url.ParseQuery(r.URL.RawQuery); err != nil {
		return badRequest("the query string is malformed")
	}
	return nil
}
