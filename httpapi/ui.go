package httpapi

import (
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/eventmetrics/eventmetrics/httpapi/ui"
)

// index serves GET /, the dashboard. With Authorize a browser must be known before
// it gets the page: only then does it ask for a password, or go where it can sign
// in. Without, the page asks for a token.
func (h *Handler) index(w http.ResponseWriter, r *http.Request) error {
	if h.opts.Authorize == nil {
		return h.sendFile(w, r, ui.Index, untilNext)
	}
	err := h.authorize(r, overviews|viewers|uploaders)
	if p := (problem{}); errors.As(err, &p) && p.code == CodeUnauthenticated && h.opts.SignInURL != "" {
		http.Redirect(w, r, h.signInURL(prefix(r)+r.URL.RequestURI()), http.StatusSeeOther)
		return nil
	}
	if err != nil {
		return err
	}
	w.Header().Add("Vary", "Authorization, Cookie")
	return h.sendFile(w, r, ui.Index, untilNext)
}

// signInURL returns Options.SignInURL with the address to return to.
func (h *Handler) signInURL(back string) string {
	separator := "?"
	if strings.Contains(h.opts.SignInURL, "?") {
		separator = "&"
	}
	return h.opts.SignInURL + separator + "return_to=" + url.QueryEscape(back)
}

// asset serves GET /assets/{path...}. What is below assets/VERSION/ never changes.
// Another version is that of a page of another version of the program, which gets
// the file of this one.
func (h *Handler) asset(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("path")
	if version, below, _ := strings.Cut(name, "/"); isVersion.MatchString(version) {
		name = below
		if version == h.dashboard.Version && h.isAsset(name) {
			return h.sendFile(w, r, name, "public, max-age=31536000, immutable")
		}
	}
	if !h.isAsset(name) {
		return problem{status: http.StatusNotFound, code: CodeNotFound, detail: "no such file"}
	}
	return h.sendFile(w, r, name, untilNext)
}

var isVersion = regexp.MustCompile(`^[0-9a-f]{16}$`)

func (h *Handler) isAsset(name string) bool {
	_, ok := h.dashboard.Files[name]
	return ok && name != ui.Index
}

// sendFile sends a file of the dashboard.
func (h *Handler) sendFile(w http.ResponseWriter, r *http.Request, name, caching string) error {
	file := h.dashboard.Files[name]
	w.Header().Set("Content-Type", file.ContentType)
	w.Header().Set("Cache-Control", caching)
	if file.Policy != "" {
		w.Header().Set("Content-Security-Policy", file.Policy)
	}
	if tagged(w, r, file.Digest[:]) {
		return nil
	}
	body := file.Body
	if file.Gzip != nil && acceptsGzip(r) {
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Add("Vary", "Accept-Encoding")
		body = file.Gzip
	}
	_, _ = w.Write(body) // an error means that the client left
	return nil
}

// acceptsGzip reports whether the client names gzip among the encodings that it
// accepts. One who refuses it writes q=0.
func acceptsGzip(r *http.Request) bool {
	for _, line := range r.Header.Values("Accept-Encoding") {
		for part := range strings.SplitSeq(line, ",") {
			name, weight, _ := strings.Cut(part, ";")
			q, err := strconv.ParseFloat(strings.TrimPrefix(strings.TrimSpace(weight), "q="), 64)
			if strings.EqualFold(strings.TrimSpace(name), "gzip") && (weight == "" || err == nil && q > 0) {
				return true
			}
		}
	}
	return false
}
