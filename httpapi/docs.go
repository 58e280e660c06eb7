package httpapi

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"net/http"
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
	w.Header().Set("Content-Security-Policy", contentPolicy+"; style-src '"+styleDigest(docsHTML)+"'")
	sendPublic(w, r, docsHTML)
	return nil
}

// sendPublic sends a body that is the same for every client until the next
// version.
func sendPublic(w http.ResponseWriter, r *http.Request, body []byte) {
	w.Header().Set("Cache-Control", "public, no-cache")
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
