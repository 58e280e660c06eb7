// Package ui is the dashboard of package httpapi: one page and its assets,
// embedded in the program.
//
// The assets are plain ES modules and one style sheet, served as they are
// written. vendor holds the chart library, fetched by vendor.sh.
package ui

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"path"
)

// Index is the name of the dashboard's page. The page finds its assets below
// assets/ and the API beside itself.
const Index = "index.html"

// ContentSecurityPolicy is the policy that Index is served with: the page loads
// only files of its own origin, and no text becomes script or HTML.
const ContentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

//go:embed *.html *.css *.js *.svg vendor/*.js vendor/*.css vendor/*.LICENSE
var embedded embed.FS

// File is one file of the dashboard.
type File struct {
	ContentType string // media type, with the charset of a text
	Policy      string // Content-Security-Policy; "" but for Index
	Body        []byte // must not be changed
}

// Page is what differs between the pages of servers.
type Page struct {
	// Product is the name that the page shows.
	Product string
	// Docs says whether there is a page docs to link to.
	Docs bool
}

// Files returns the embedded files by name, such as Index or
// "vendor/uPlot.esm.js".
func Files(p *Page) (map[string]File, error) {
	files := map[string]File{}
	err := fs.WalkDir(embedded, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := embedded.ReadFile(name)
		files[name] = File{ContentType: contentType(name), Body: body}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("ui: read the dashboard: %w", err)
	}
	index := files[Index]
	index.Policy = ContentSecurityPolicy
	index.Body, err = p.fill(string(index.Body))
	files[Index] = index
	return files, err
}

// fill fills in the template of the page.
func (p *Page) fill(text string) ([]byte, error) {
	page, err := template.New(Index).Parse(text)
	if err != nil {
		return nil, fmt.Errorf("ui: read the page: %w", err)
	}
	var b bytes.Buffer
	if err := page.Execute(&b, p); err != nil {
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
