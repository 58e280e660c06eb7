package httpapi

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"strings"
	"time"
)

// ErrUnauthenticated is what Options.Authorize returns for a request without
// credentials; it becomes 401.
var ErrUnauthenticated = errors.New("httpapi: no credentials")

// errWrongToken becomes 403. A token that is unknown and one that has expired are
// answered alike.
var errWrongToken = errors.New("httpapi: wrong bearer token")

// Token is a bearer token that requests may send. Only its digest is known.
type Token struct {
	// Name says whose it is. It is in the log. A token that replaces another
	// keeps its name, and so its batches.
	Name string
	Role Role
	// SHA256 is the digest of the token.
	SHA256 [sha256.Size]byte
	// Expires is when the token ends; the zero time means never.
	Expires time.Time
}

// adminName is the name of Options.Token.
const adminName = "admin"

// tokens returns the tokens that are accepted at a time.
func (h *Handler) tokens(now time.Time) []Token {
	var all []Token
	if h.opts.Token != "" {
		all = append(all, Token{Name: adminName, Role: RoleAdmin, SHA256: sha256.Sum256([]byte(h.opts.Token))})
	}
	if h.opts.Tokens == nil {
		return all
	}
	for _, t := range h.opts.Tokens() {
		if t.Expires.IsZero() || now.Before(t.Expires) {
			all = append(all, t)
		}
	}
	return all
}

// identify returns who sends a request, and when the session ends if it is one. A
// bearer token has precedence over the cookie of a session.
func (h *Handler) identify(r *http.Request) (_ Identity, ends time.Time, _ error) {
	if h.opts.Authorize != nil {
		who, err := h.opts.Authorize(r)
		return who, ends, err
	}
	now := h.now()
	tokens := h.tokens(now)
	if credentials, ok := bearer(r); ok {
		t, err := find(tokens, credentials)
		return Identity{t.Name, t.Role}, ends, err
	}
	t, ends, err := h.sessionOf(r, tokens, now)
	return Identity{t.Name, t.Role}, ends, err
}

// bearer returns the bearer token of a request.
func bearer(r *http.Request) (string, bool) {
	scheme, credentials, found := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.TrimSpace(credentials), found && strings.EqualFold(scheme, "Bearer")
}

// find returns the token with these credentials. Digests are compared, each in
// constant time, so that neither the length nor the beginning of a token leaks.
// Errors: errWrongToken.
func find(tokens []Token, credentials string) (Token, error) {
	got := sha256.Sum256([]byte(credentials))
	found, err := Token{}, errWrongToken
	for i := range tokens {
		if subtle.ConstantTimeCompare(tokens[i].SHA256[:], got[:]) == 1 {
			found, err = tokens[i], nil
		}
	}
	return found, err
}
