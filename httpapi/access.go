package httpapi

import (
	"context"
	"errors"
	"net/http"
)

// Role says what requests may do.
type Role string

// The roles. Only RoleAdmin includes others: it may do everything.
const (
	// RoleOverview reads the counts and nothing of what they are made of: GET
	// /metrics and GET /schema. It is the role of a link that is shared.
	RoleOverview Role = "overview"
	// RoleViewer reads everything and changes nothing: all GET requests.
	RoleViewer Role = "viewer"
	// RoleUploader uploads, makes dry runs, and reads the batches that were
	// uploaded under its own name.
	RoleUploader Role = "uploader"
	// RoleAdmin does everything.
	RoleAdmin Role = "admin"
)

// Roles lists the roles, the least powerful first.
func Roles() []Role { return []Role{RoleOverview, RoleViewer, RoleUploader, RoleAdmin} }

// Identity is who sends a request.
type Identity struct {
	// Name is in the log, and is the owner of the batches that RoleUploader
	// uploads: what has the same name may read them. It is no secret.
	Name string
	// Role is one of the Role constants. The zero value may do nothing.
	Role Role
}

// AllowAll is an Options.Authorize that allows every request everything, for a
// handler that is protected by other means.
func AllowAll(*http.Request) (Identity, error) { return Identity{Role: RoleAdmin}, nil }

// access says which roles may use a route, beside RoleAdmin, which may use all.
type access uint8

const (
	admins    access = 0
	overviews access = 1 << (iota - 1)
	viewers
	uploaders // reads only what it has uploaded, see ownBatch
	public    // needs no identity, and takes any parameter
)

func (a access) allows(role Role) bool {
	switch role {
	case RoleOverview:
		return a&overviews != 0
	case RoleViewer:
		return a&viewers != 0
	case RoleUploader:
		return a&uploaders != 0
	case RoleAdmin:
		return true
	}
	return false
}

// caller is the identity of a request, once it is known.
type caller struct{ Identity }

type callerKey struct{}

// withCaller returns a context that has a place for the caller of a request.
func withCaller(ctx context.Context) (context.Context, *caller) {
	c := &caller{}
	return context.WithValue(ctx, callerKey{}, c), c
}

func callerOf(r *http.Request) *caller { return r.Context().Value(callerKey{}).(*caller) }

// authorize notes who sends a request, and returns an error unless it may use a
// route.
func (h *Handler) authorize(r *http.Request, to access) error {
	who, _, err := h.identify(r)
	if err != nil {
		return h.authProblem(err)
	}
	callerOf(r).Identity = who
	if !to.allows(who.Role) {
		return forbidden("the role " + quoted(who.Role) + " may not do this")
	}
	return nil
}

func quoted(role Role) string {
	if role == "" {
		return "none"
	}
	return short(string(role))
}

// ownBatch returns an error if the caller may not read a batch: RoleUploader
// reads only what it has uploaded. Another batch is refused whether it exists or
// not.
func (h *Handler) ownBatch(r *http.Request, id string) error {
	who := callerOf(r)
	if who.Role != RoleUploader {
		return nil
	}
	name, err := h.svc.UploaderOf(r.Context(), id)
	if err == nil && name == who.Name && name != "" {
		return nil
	}
	if p := toProblem(err); err != nil && p.status != http.StatusNotFound {
		return p
	}
	return forbidden("the role uploader reads only the batches that it has uploaded")
}

// crossOrigin refuses requests that change something and that a page of another
// origin has a browser send, with the cookie or the password that the browser
// knows. A bearer token is not sent by itself.
func (h *Handler) crossOrigin(r *http.Request) error {
	if _, ok := bearer(r); ok || h.origins.Check(r) == nil {
		return nil
	}
	return forbidden("the request comes from a page of another origin; a proxy must pass on the Host header")
}

func forbidden(detail string) problem {
	return problem{status: http.StatusForbidden, code: CodeForbidden, detail: detail}
}

// authProblem answers a request of an unknown sender.
func (h *Handler) authProblem(err error) problem {
	if !errors.Is(err, ErrUnauthenticated) {
		return forbidden("the token is not accepted")
	}
	p := problem{status: http.StatusUnauthorized, code: CodeUnauthenticated, detail: "send the header Authorization: Bearer TOKEN"}
	challenge := `Bearer realm="eventmetrics"`
	if h.opts.Authorize != nil {
		p.detail, challenge = "sign in first", h.opts.Challenge
	}
	if challenge != "" {
		p.header = http.Header{"Www-Authenticate": {challenge}}
	}
	return p
}
