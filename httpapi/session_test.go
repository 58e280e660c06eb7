package httpapi_test

import (
	"bytes"
	"crypto/sha256"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics/httpapi"
	"github.com/eventmetrics/eventmetrics/internal/test/syncbuf"
	"github.com/eventmetrics/eventmetrics/ratelimit"
)

// sessions is a server whose clock and tokens a test changes.
type sessions struct {
	*api
	now    time.Time
	tokens []httpapi.Token
}

func startSessions(t *testing.T, o httpapi.Options) *sessions {
	t.Helper()
	s := &sessions{now: time.Date(2025, 11, 8, 9, 0, 0, 0, time.UTC), tokens: tokens()}
	o.Tokens = func() []httpapi.Token { return s.tokens }
	s.api = start(t, setup{prefix: "/em", api: o})
	s.handler.SetClock(func() time.Time { return s.now })
	return s
}

// signIn exchanges the token of a role for a cookie.
func (s *sessions) signIn(role httpapi.Role, query string, headers ...string) *http.Cookie {
	s.t.Helper()
	res := s.do("POST", "/session"+query, nil, append(as(role), headers...)...)
	if res.status != http.StatusOK || res.json(s.t)["role"] != string(role) {
		s.t.Fatalf("%d %s", res.status, res.body)
	}
	cookies := (&http.Response{Header: res.header}).Cookies()
	if len(cookies) != 1 {
		s.t.Fatalf("the cookies are %v", cookies)
	}
	return cookies[0]
}

// status asks for something with a cookie and no token.
func (s *sessions) status(c *http.Cookie, method, path string, headers ...string) int {
	s.t.Helper()
	return s.ask(method, path, append([]string{"Cookie", c.Name + "=" + c.Value}, headers...)...)
}

func TestATokenIsExchangedForACookie(t *testing.T) {
	s := startSessions(t, httpapi.Options{SessionKey: bytes.Repeat([]byte("k"), 32)})
	c := s.signIn(httpapi.RoleViewer, "")
	if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Secure || c.Path != "/em/" || c.MaxAge != 0 {
		t.Errorf("the cookie is %+v", c)
	}
	if strings.Contains(c.Value, tokenOf(httpapi.RoleViewer)) {
		t.Errorf("the cookie has the token: %s", c.Value)
	}
	if got := s.status(c, "GET", "/batches"); got != http.StatusOK {
		t.Errorf("GET /batches: %d", got)
	}
	if got := s.status(c, "GET", "/batches", "Authorization", "Basic of-a-proxy"); got != http.StatusOK {
		t.Errorf("GET /batches beside the password of a proxy: %d", got)
	}
	if got := s.status(c, "POST", "/admin/cleanup"); got != http.StatusForbidden {
		t.Errorf("POST /admin/cleanup: %d", got)
	}
	s.do("POST", "/session", nil, "Authorization", "").problem(t, http.StatusUnauthorized, httpapi.CodeUnauthenticated)
	s.do("POST", "/session?kep=true", nil).problem(t, http.StatusBadRequest, httpapi.CodeBadRequest)
	wrong := s.do("POST", "/session", nil, "Authorization", "Bearer wrong")
	s.tokens[0].Expires = s.now
	ended := s.do("POST", "/session", nil, as(httpapi.RoleOverview)...)
	if a, b := wrong.problem(t, http.StatusForbidden, httpapi.CodeForbidden)["detail"], ended.problem(t, http.StatusForbidden, httpapi.CodeForbidden)["detail"]; a != b {
		t.Errorf("a wrong token is answered with %v, one that has expired with %v", a, b)
	}
	if wrong.header.Get("Set-Cookie") != "" {
		t.Error("a wrong token gets a cookie")
	}
	out := s.do("DELETE", "/session", nil, "Authorization", "", "Cookie", c.Name+"="+c.Value)
	gone := (&http.Response{Header: out.header}).Cookies()
	if out.status != http.StatusNoContent || len(gone) != 1 || gone[0].Name != c.Name || gone[0].Path != c.Path || gone[0].MaxAge != -1 {
		t.Errorf("signing out: %d %v", out.status, gone)
	}
}

// TestASessionEnds goes through all that ends one.
func TestASessionEnds(t *testing.T) {
	const day = 24 * time.Hour
	for _, tc := range []struct {
		name   string
		query  string
		change func(*sessions)
		want   int
	}{
		{"nothing", "", func(*sessions) {}, http.StatusOK},
		{"a day later", "", func(s *sessions) { s.now = s.now.Add(day) }, http.StatusUnauthorized},
		{"a day later, kept", "?keep=true", func(s *sessions) { s.now = s.now.Add(day) }, http.StatusOK},
		{"just before 30 days", "?keep=true", func(s *sessions) { s.now = s.now.Add(30*day - time.Second) }, http.StatusOK},
		{"30 days later", "?keep=true", func(s *sessions) { s.now = s.now.Add(30 * day) }, http.StatusUnauthorized},
		{"the token is removed", "?keep=true", func(s *sessions) { s.tokens = s.tokens[:1] }, http.StatusUnauthorized},
		{"the token is replaced", "?keep=true", func(s *sessions) { s.tokens[1].SHA256[0]++ }, http.StatusUnauthorized},
		{"the token has another name", "?keep=true", func(s *sessions) { s.tokens[1].Name += "x" }, http.StatusUnauthorized},
		{"the token expires", "?keep=true", func(s *sessions) { s.tokens[1].Expires = s.now }, http.StatusUnauthorized},
		{"the token has another role", "?keep=true", func(s *sessions) { s.tokens[1].Role = httpapi.RoleOverview }, http.StatusForbidden},
		{"other tokens change", "?keep=true", func(s *sessions) { s.tokens[0].SHA256[0]++ }, http.StatusOK},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := startSessions(t, httpapi.Options{})
			c := s.signIn(httpapi.RoleViewer, tc.query)
			if (c.MaxAge == 30*24*3600) != (tc.query != "") {
				t.Errorf("Max-Age is %d", c.MaxAge)
			}
			s.tokens = slices.Clone(s.tokens)
			tc.change(s)
			if got := s.status(c, "GET", "/batches"); got != tc.want {
				t.Errorf("%d, want %d", got, tc.want)
			}
		})
	}
}

func TestASessionIsOnlyWhatTheServerSigned(t *testing.T) {
	key := bytes.Repeat([]byte("k"), 32)
	s := startSessions(t, httpapi.Options{SessionKey: key})
	c := s.signIn(httpapi.RoleViewer, "")
	for i := range c.Value { // each change of a character
		forged := *c
		forged.Value = c.Value[:i] + map[bool]string{true: "B", false: "A"}[c.Value[i] == 'A'] + c.Value[i+1:]
		if i == len(c.Value)-1 { // its last bits are not part of the signature
			continue
		}
		if got := s.status(&forged, "GET", "/batches"); got != http.StatusUnauthorized {
			t.Errorf("%d with %s for %s", got, forged.Value, c.Value)
		}
	}
	for _, value := range []string{"", ".", "..", "a.b.c", strings.Repeat("x", 4000)} {
		if got := s.status(&http.Cookie{Name: c.Name, Value: value}, "GET", "/batches"); got != http.StatusUnauthorized {
			t.Errorf("%d with %.20q", got, value)
		}
	}
	if got := startSessions(t, httpapi.Options{SessionKey: key}).status(c, "GET", "/batches"); got != http.StatusOK {
		t.Errorf("a replica answers %d", got)
	}
	other := startSessions(t, httpapi.Options{SessionKey: bytes.Repeat([]byte("l"), 32)})
	if theirs := other.signIn(httpapi.RoleViewer, ""); theirs.Name == c.Name {
		t.Errorf("two servers of a host have the cookie %s", c.Name)
	}
	if got := other.status(c, "GET", "/batches"); got != http.StatusUnauthorized {
		t.Errorf("a server with another key answers %d", got)
	}
}

// TestAPageOfAnotherOriginChangesNothing sends what browsers say of the page that
// makes a request.
func TestAPageOfAnotherOriginChangesNothing(t *testing.T) {
	s := startSessions(t, httpapi.Options{})
	c := s.signIn(httpapi.RoleAdmin, "")
	for _, tc := range []struct {
		method, path string
		headers      []string
		want         int
	}{
		{"POST", "/admin/cleanup", nil, http.StatusOK},
		{"POST", "/admin/cleanup", []string{"Sec-Fetch-Site", "same-origin"}, http.StatusOK},
		{"POST", "/admin/cleanup", []string{"Sec-Fetch-Site", "cross-site"}, http.StatusForbidden},
		{"POST", "/admin/cleanup", []string{"Sec-Fetch-Site", "same-site"}, http.StatusForbidden},
		{"POST", "/admin/cleanup", []string{"Origin", "https://evil.example"}, http.StatusForbidden},
		{"POST", "/admin/cleanup", []string{"Origin", "null"}, http.StatusForbidden},
		{"POST", "/admin/cleanup", []string{"Sec-Fetch-Site", "cross-site", "Authorization", "Bearer " + token}, http.StatusOK},
		{"DELETE", "/session", []string{"Sec-Fetch-Site", "cross-site"}, http.StatusForbidden},
		{"GET", "/batches", []string{"Sec-Fetch-Site", "cross-site"}, http.StatusOK},
	} {
		if got := s.status(c, tc.method, tc.path, tc.headers...); got != tc.want {
			t.Errorf("%s %s with %q: %d, want %d", tc.method, tc.path, tc.headers, got, tc.want)
		}
	}
}

func TestTheCookieIsSecureOverTLS(t *testing.T) {
	s := startSessions(t, httpapi.Options{Source: ratelimit.NewClientIP([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")})})
	if !s.signIn(httpapi.RoleViewer, "", "X-Forwarded-Proto", "https").Secure || s.signIn(httpapi.RoleViewer, "", "X-Forwarded-Proto", "http").Secure {
		t.Error("the cookie does not follow X-Forwarded-Proto of a trusted proxy")
	}
	if startSessions(t, httpapi.Options{}).signIn(httpapi.RoleViewer, "", "X-Forwarded-Proto", "https").Secure {
		t.Error("the cookie follows X-Forwarded-Proto of a client")
	}
	server := httptest.NewTLSServer(s.handler)
	defer server.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/session", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+tokenOf(httpapi.RoleViewer))
	res, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if cookies := res.Cookies(); len(cookies) != 1 || !cookies[0].Secure {
		t.Errorf("over TLS the cookies are %v", cookies)
	}
}

func TestTheLogNamesTheTokenAndNeverHasIt(t *testing.T) {
	var log syncbuf.Buffer
	s := startSessions(t, httpapi.Options{Logger: slog.New(slog.NewJSONHandler(&log, nil))})
	s.get("/batches", as(httpapi.RoleViewer)...)
	s.do("POST", "/admin/cleanup", nil, as(httpapi.RoleViewer)...)
	s.get("/batches", "Authorization", "Bearer wrong")
	s.get("/batches")
	c := s.signIn(httpapi.RoleOverview, "")
	s.status(c, "GET", "/metrics")
	soon(t, []any{"the viewer", "the viewer", "", "admin", "the overview", "the overview"}, func() []any {
		var names []any
		for _, line := range lines(t, log.String(), "request") {
			names = append(names, line["token"])
		}
		return names
	})
	digest := sha256.Sum256([]byte(token))
	for _, secret := range []string{tokenOf(httpapi.RoleViewer), "wrong", "Bearer", c.Value, string(digest[:])} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log has %q: %s", secret, log.String())
		}
	}
}
