package httpapi

import (
	"embed"
	"fmt"
	"io/fs"
	"net/http"
	"path"
)

// uiFiles are the dashboard: plain modules and one style sheet, as they are
// served. vendor has the chart library, fetched by ui/vendor.sh.
//
//go:embed ui/*.html ui/*.css ui/*.js ui/*.svg ui/vendor/*.js ui/vendor/*.css ui/vendor/*.LICENSE
var uiFiles embed.FS

// pagePolicy is the Content-Security-Policy of the dashboard: what it loads is
// ours, and no text becomes script or HTML.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// asset is a file of the dashboard.
type asset struct {
	content string // its media type
	body    []byte
}

// loadAssets reads the files of the dashboard by their paths.
func loadAssets() (map[string]*asset, error) {
	types := map[string]string{
		".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8",
		".svg": "image/svg+xml", ".LICENSE": "text/plain; charset=utf-8",
	}
	assets := map[string]*asset{}
	ui, err := fs.Sub(uiFiles, "ui")
	if err != nil {
		return nil, fmt.Errorf("httpapi: open the dashboard: %w", err)
	}
	err = fs.WalkDir(ui, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := fs.ReadFile(ui, name)
		assets[name] = &asset{types[path.Ext(name)], body}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("httpapi: read the dashboard: %w", err)
	}
	return assets, nil
}

// index serves GET /, the dashboard.
func (h *Handler) index(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Content-Security-Policy", pagePolicy)
	return h.sendAsset(w, r, "index.html")
}

// asset serves GET /assets/{path...}.
func (h *Handler) asset(w http.ResponseWriter, r *http.Request) error {
	return h.sendAsset(w, r, r.PathValue("path"))
}

func (h *Handler) sendAsset(w http.ResponseWriter, r *http.Request, name string) error {
	a, ok := h.assets[name]
	if !ok {
		return problem{status: http.StatusNotFound, code: CodeNotFound, detail: "no such file"}
	}
	w.Header().Set("Content-Type", a.content)
	sendPublic(w, r, a.body)
	return nil
}
