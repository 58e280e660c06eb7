package httpapi

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// sessionTime is how long a session lasts that ends with the browser, as some
	// browsers never end.
	sessionTime = 24 * time.Hour
	// keptSessionTime is how long one lasts that is kept on the device.
	keptSessionTime = 30 * 24 * time.Hour
)

// whoAmI serves GET /session. It is public, because a page that asks whether to
// sign in is no mistake.
func (h *Handler) whoAmI(w http.ResponseWriter, r *http.Request) error {
	if err := newParams(r).err(); err != nil {
		return err
	}
	answer := h.newSession(r)
	if who, ends, err := h.identify(r); err == nil {
		answer.signedIn(who)
		answer.ExpiresAt = timeOrNull(ends)
	}
	return writeJSON(w, http.StatusOK, answer)
}

// signIn serves POST /session: it exchanges a bearer token for a cookie.
func (h *Handler) signIn(w http.ResponseWriter, r *http.Request) error {
	p := newParams(r)
	keep := p.boolean("keep")
	if err := p.err(); err != nil {
		return err
	}
	if h.opts.Authorize != nil {
		return problem{status: http.StatusNotFound, code: CodeNotFound, detail: "sign in to the program that serves this"}
	}
	credentials, ok := bearer(r)
	if !ok {
		return h.authProblem(ErrUnauthenticated)
	}
	now := h.now()
	t, err := find(h.tokens(now), credentials)
	if err != nil {
		return h.authProblem(err)
	}
	callerOf(r).Identity = Identity{t.Name, t.Role}
	cookie := h.newCookie(r)
	ends := now.Add(sessionTime)
	if keep {
		ends = now.Add(keptSessionTime)
		cookie.MaxAge = int(keptSessionTime / time.Second)
	}
	if !t.Expires.IsZero() && t.Expires.Before(ends) {
		ends = t.Expires
	}
	cookie.Value = h.sign(&t, ends)
	http.SetCookie(w, cookie)
	answer := h.newSession(r)
	answer.signedIn(callerOf(r).Identity)
	answer.ExpiresAt = timeOrNull(ends)
	return writeJSON(w, http.StatusOK, answer)
}

// signOut serves DELETE /session, also of a session that has ended.
func (h *Handler) signOut(w http.ResponseWriter, r *http.Request) error {
	if err := newParams(r).err(); err != nil {
		return err
	}
	cookie := h.newCookie(r)
	cookie.MaxAge = -1
	http.SetCookie(w, cookie)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// newSession describes a sender who is not signed in.
func (h *Handler) newSession(r *http.Request) sessionJSON {
	if h.opts.Authorize == nil {
		return sessionJSON{SignIn: "token"}
	}
	s := sessionJSON{SignIn: "elsewhere"}
	if h.opts.SignInURL != "" {
		s.SignInURL = new(h.signInURL(prefix(r) + "/"))
	}
	return s
}

func (s *sessionJSON) signedIn(who Identity) {
	s.SignedIn, s.Name, s.Role = true, who.Name, string(who.Role)
}

// newCookie returns the cookie of a session, without a value. It is sent to this
// handler only, and by no page of another site.
func (h *Handler) newCookie(r *http.Request) *http.Cookie {
	return &http.Cookie{
		Name: h.cookieName(), Path: prefix(r) + "/",
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: h.opts.Source.IsTLS(r),
	}
}

// cookieName differs between servers that have other keys, because a browser
// sends the cookies of one port of a host to all of them.
func (h *Handler) cookieName() string {
	if len(h.opts.SessionKey) == 0 { // it changes with each start, and the old cookies would stay
		return "eventmetrics"
	}
	return "eventmetrics-" + hex.EncodeToString(h.mac([]byte("name"))[:4])
}

// sign returns the value of a cookie: the name of a token, the end of the session
// in Unix seconds, and a signature over both and the digest of the token. So a
// session ends when its token is removed or changed, and no session is stored.
func (h *Handler) sign(t *Token, ends time.Time) string {
	end := strconv.FormatInt(ends.Unix(), 10)
	return base64.RawURLEncoding.EncodeToString([]byte(t.Name)) + "." + end + "." + base64.RawURLEncoding.EncodeToString(h.signature(t, end))
}

// signature puts the name last, which alone may have any length and characters.
func (h *Handler) signature(t *Token, end string) []byte {
	return h.mac(slices.Concat([]byte("session\x00"+end+"\x00"), t.SHA256[:], []byte(t.Name)))
}

func (h *Handler) mac(text []byte) []byte {
	m := hmac.New(sha256.New, h.key)
	m.Write(text)
	return m.Sum(nil)
}

// sessionOf returns the token of the session of a request, and when the session
// ends. Errors: ErrUnauthenticated.
func (h *Handler) sessionOf(r *http.Request, tokens []Token, now time.Time) (Token, time.Time, error) {
	for _, cookie := range r.CookiesNamed(h.cookieName()) {
		if t, ends, ok := h.verify(cookie.Value, tokens); ok && now.Before(ends) {
			return t, ends, nil
		}
	}
	return Token{}, time.Time{}, ErrUnauthenticated
}

// verify reads what sign has written.
func (h *Handler) verify(value string, tokens []Token) (Token, time.Time, bool) {
	parts := strings.Split(value, ".")
	if len(parts) != 3 {
		return Token{}, time.Time{}, false
	}
	name, err := base64.RawURLEncoding.DecodeString(parts[0])
	seconds, wrong := strconv.ParseInt(parts[1], 10, 64)
	signed, bad := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || wrong != nil || bad != nil {
		return Token{}, time.Time{}, false
	}
	for i := range tokens {
		if t := tokens[i]; t.Name == string(name) && hmac.Equal(signed, h.signature(&t, parts[1])) {
			return t, time.Unix(seconds, 0), true
		}
	}
	return Token{}, time.Time{}, false
}
