package httpapi

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html"
	"net/http"
	"slices"
)

//go:generate go run gendocs.go docs.html

// openapiYAML describes the API for programs.
//
//go:embed openapi.yaml
var openapiYAML []byte

// docsHTML is the same as a page, generated from openapi.yaml.
//
//go:embed docs.html
var docsHTML []byte

// specification serves GET /openapi.yaml.
func (h *Handler) specification(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Content-Type", "application/yaml")
	sendPublic(w, r, openapiYAML)
	return nil
}

// documentation serves GET /docs.
func (h *Handler) documentation(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", contentPolicy+"; style-src '"+styleDigest(h.docs)+"'")
	sendPublic(w, r, h.docs)
	return nil
}

// docsPage returns docsHTML with the name of the product, and without links to a
// dashboard that is not there.
func docsPage(o *Options) []byte {
	page, product := docsHTML, html.EscapeString(o.Product)
	for _, place := range []string{"<title>%s HTTP API</title>", "<span>%s</span>"} {
		page = bytes.Replace(page, fmt.Appendf(nil, place, "eventmetrics"), fmt.Appendf(nil, place, product), 1)
	}
	if o.NoDashboard {
		before, rest, _ := bytes.Cut(page, []byte(`<header class="top">`))
		_, after, _ := bytes.Cut(rest, []byte("</header>"))
		page = slices.Concat(before, after)
	}
	return page
}

// untilNext is the Cache-Control of what is the same for every client until the next
// version.
const untilNext = "public, no-cache"

// sendPublic sends a body that is the same for every client until the next
// version.
func sendPublic(w http.ResponseWriter, r *http.Request, body []byte) {
	w.Header().Set("Cache-Control", untilNext)
	sendTagged(w, r, body)
}

// styleDigest returns the source expression that allows the style element of a
// page.
func styleDigest(page []byte) string {
	_, style, _ := bytes.Cut(page, []byte("<style>"))
	style, _, _ = bytes.Cut(style, []byte("</style>"))
	digest := sha256.Sum256(style)
	return "sha256-" + base64.StdEncoding.EncodeToString(digest[:])
}
