package httpapi

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/eventmetrics/eventmetrics/httpapi/ui"
)

// index serves GET /, the dashboard. With Authorize a browser must be known before
// it gets the page: only then does it ask for a password, or go where it can sign
// in. Without, the page asks for a token.
func (h *Handler) index(w http.ResponseWriter, r *http.Request) error {
	if h.opts.Authorize == nil {
		return h.sendFile(w, r, ui.Index)
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
	return h.sendFile(w, r, ui.Index)
}

// signInURL returns Options.SignInURL with the address to return to.
func (h *Handler) signInURL(back string) string {
	separator := "?"
	if strings.Contains(h.opts.SignInURL, "?") {
		separator = "&"
	}
	return h.opts.SignInURL + separator + "return_to=" + url.QueryEscape(back)
}

// asset serves GET /assets/{path...}.
func (h *Handler) asset(w http.ResponseWriter, r *http.Request) error {
	return h.sendFile(w, r, r.PathValue("path"))
}

// sendFile sends a file of the dashboard.
func (h *Handler) sendFile(w http.ResponseWriter, r *http.Request, name string) error {
	file, ok := h.assets[name]
	if !ok {
		return problem{status: http.StatusNotFound, code: CodeNotFound, detail: "no such file"}
	}
	w.Header().Set("Content-Type", file.ContentType)
	if file.Policy != "" {
		w.Header().Set("Content-Security-Policy", file.Policy)
	}
	sendPublic(w, r, file.Body)
	return nil
}
