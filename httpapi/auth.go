package httpapi

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"strings"
)

// ErrUnauthenticated is what Options.Authorize returns for a request without
// credentials; it becomes 401.
var ErrUnauthenticated = errors.New("httpapi: no bearer token")

// errWrongToken becomes 403.
var errWrongToken = errors.New("httpapi: wrong bearer token")

// BearerToken returns an Options.Authorize that requires the header
// "Authorization: Bearer TOKEN". Digests are compared, in constant time, so
// that neither the length nor the beginning of the token leaks.
func BearerToken(token string) func(*http.Request) error {
	want := sha256.Sum256([]byte(token))
	return func(r *http.Request) error {
		scheme, credentials, found := strings.Cut(r.Header.Get("Authorization"), " ")
		if !found || !strings.EqualFold(scheme, "Bearer") {
			return ErrUnauthenticated
		}
		got := sha256.Sum256([]byte(strings.TrimSpace(credentials)))
		if subtle.ConstantTimeCompare(want[:], got[:]) != 1 {
			return errWrongToken
		}
		return nil
	}
}

// AllowAll is an Options.Authorize that allows every request.
func AllowAll(*http.Request) error { return nil }

func authProblem(err error) problem {
	if errors.Is(err, ErrUnauthenticated) {
		return problem{
			status: http.StatusUnauthorized, code: CodeUnauthenticated,
			detail: "send the header Authorization: Bearer TOKEN",
			header: http.Header{"Www-Authenticate": {`Bearer realm="eventmetrics"`}},
		}
	}
	return problem{status: http.StatusForbidden, code: CodeForbidden, detail: "the token is not accepted"}
}
