// Package ui is the dashboard of package httpapi: one page and its assets,
// embedded in the program.
//
// The assets are plain ES modules, which are joined to two files when the program
// starts, and one style sheet. vendor holds the chart library, fetched by vendor.sh.
package ui

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"maps"
	"path"
	"slices"
	"sync"
)

// Index is the name of the dashboard's page. The page finds its assets below
// assets/VERSION/ and the API beside itself.
const Index = "index.html"

// ContentSecurityPolicy is the policy that Index is served with: the page loads
// only files of its own origin, and no text becomes script or HTML.
const ContentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

//go:embed *.html *.css *.js *.svg vendor/*.js vendor/*.css vendor/*.LICENSE
var embedded embed.FS

// File is one file of the dashboard.
type File struct {
	ContentType string            // media type, with the charset of a text
	Policy      string            // Content-Security-Policy; "" but for Index
	Body        []byte            // must not be changed
	Digest      [sha256.Size]byte // of Body
	Gzip        []byte            // Body compressed as far as gzip can; must not be changed; nil for Index
}

// Page is what differs between the pages of servers.
type Page struct {
	// Product is the name that the page shows.
	Product string
	// Docs says whether there is a page docs to link to.
	Docs bool
}

// Dashboard is the page and its assets.
type Dashboard struct {
	// Files are Index and the assets by name, such as "style.css".
	Files map[string]File
	// Version is a digest of the assets. The page names it in their addresses, so
	// what is below assets/VERSION/ never changes.
	Version string
}

// New returns the dashboard of a server. It may be called concurrently, and bundles
// and compresses the assets only once.
func New(p *Page) (*Dashboard, error) {
	shared, err := assets()
	if err != nil {
		return nil, err
	}
	d := &Dashboard{Files: maps.Clone(shared.Files), Version: shared.Version}
	page, err := embedded.ReadFile(Index)
	if err != nil {
		return nil, fmt.Errorf("ui: read the page: %w", err)
	}
	body, err := p.fill(string(page), d.Version)
	d.Files[Index] = File{ContentType: contentType(Index), Policy: ContentSecurityPolicy, Body: body, Digest: sha256.Sum256(body)}
	return d, err
}

// assets returns what all pages share.
var assets = sync.OnceValues(func() (*Dashboard, error) {
	bodies, err := bundle(embedded)
	if err != nil {
		return nil, err
	}
	err = fs.WalkDir(embedded, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || name == Index || path.Dir(name) == "." && path.Ext(name) == ".js" {
			return err
		}
		bodies[name], err = embedded.ReadFile(name)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("ui: read the dashboard: %w", err)
	}
	d, digest := &Dashboard{Files: map[string]File{}}, sha256.New()
	for _, name := range slices.Sorted(maps.Keys(bodies)) {
		body := bodies[name]
		_, _ = fmt.Fprintf(digest, "%s %d\n%s", name, len(body), body)
		d.Files[name] = File{ContentType: contentType(name), Body: body, Digest: sha256.Sum256(body), Gzip: compressed(body)}
	}
	d.Version = hex.EncodeToString(digest.Sum(nil)[:8])
	return d, nil
})

func compressed(body []byte) []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // the level is valid
	_, _ = w.Write(body)                                  // a Buffer takes all
	_ = w.Close()
	return b.Bytes()
}

// fill fills in the template of the page.
func (p *Page) fill(text, version string) ([]byte, error) {
	page, err := template.New(Index).Parse(text)
	if err != nil {
		return nil, fmt.Errorf("ui: read the page: %w", err)
	}
	var b bytes.Buffer
	data := struct {
		*Page
		Version string
	}{p, version}
	if err := page.Execute(&b, data); err != nil {
		return nil, fmt.Errorf("ui: fill in the page: %w", err)
	}
	return b.Bytes(), nil
}

func contentType(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	default:
		return "text/plain; charset=utf-8"
	}
}
