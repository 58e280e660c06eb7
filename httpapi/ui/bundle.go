package ui

import (
	"bytes"
	"fmt"
	"io/fs"
	"regexp"
	"strings"
)

// The modules become two files, since a browser would ask for each, and six at a
// time: entry has what the overview needs, and rest what the other pages do.
const (
	entry = "app.js"
	rest  = "rest.js"
)

// The forms of import and export that the modules may have, and the comments that
// are left out: those that fill their lines.
var (
	importLine = regexp.MustCompile(`(?m)^import \{ (\w+(?:, \w+)*) \} from '\./(\w+\.js)';\n`)
	importCall = regexp.MustCompile(`\bimport\('\./(\w+\.js)'\)`)
	exportLine = regexp.MustCompile(`(?m)^export ((?:async )?(?:function\*?|const|class) (\w+))`)
	otherForm  = regexp.MustCompile(`(?m)^(?:import|export)\b.*`)
	comment    = regexp.MustCompile(`(?m)^ *(?://.*|/\*\*(?s:.*?)\*/)\n`)
)

// bundler joins modules to files. Each module is a function with its own scope,
// which returns its exports.
type bundler struct {
	from    fs.FS
	started map[string]bool // modules that are written, or will be when their imports are
	written map[string]bool
	later   []string // modules that are loaded when they are needed
}

// bundle returns the files entry and rest.
func bundle(from fs.FS) (map[string][]byte, error) {
	b := bundler{from: from, started: map[string]bool{}, written: map[string]bool{}}
	first := bytes.NewBufferString("export const modules = {};\nexport const late = [];\nexport const link = () => late.splice(0).forEach((set) => set());\n" +
		"export const load = async (name) => { if (!modules[name]) await import('./" + rest + "'); return modules[name]; };\n")
	if err := b.write(first, entry); err != nil {
		return nil, err
	}
	second := bytes.NewBufferString("import { late, link, load, modules } from './" + entry + "';\n")
	for len(b.later) > 0 {
		name := b.later[0]
		b.later = b.later[1:]
		if err := b.write(second, name); err != nil {
			return nil, err
		}
	}
	for _, file := range []*bytes.Buffer{first, second} {
		file.WriteString("link();\n")
	}
	return map[string][]byte{entry: first.Bytes(), rest: second.Bytes()}, nil
}

// write writes a module after those that it imports.
func (b *bundler) write(w *bytes.Buffer, name string) error {
	if b.started[name] {
		return nil
	}
	b.started[name] = true
	source, err := fs.ReadFile(b.from, name)
	if err != nil {
		return fmt.Errorf("ui: bundle the modules: %w", err)
	}
	text := comment.ReplaceAllString(string(source), "")
	imports := importLine.FindAllStringSubmatch(text, -1)
	for _, line := range imports {
		if err := b.write(w, line[2]); err != nil {
			return err
		}
	}
	for _, call := range importCall.FindAllStringSubmatch(text, -1) {
		b.later = append(b.later, call[1])
	}
	body, exports := exported(importCall.ReplaceAllString(importLine.ReplaceAllString(text, ""), "load('$1')"))
	if line := otherForm.FindString(body); line != "" {
		return fmt.Errorf("ui: bundle the modules: %s has the line %q, which is not of a form that is known", name, line)
	}
	fmt.Fprintf(w, "modules['%s'] = (() => {\n", name)
	for _, line := range imports {
		b.writeImport(w, line[1], line[2])
	}
	fmt.Fprintf(w, "%s\nreturn { %s };\n})();\n", strings.TrimSpace(body), strings.Join(exports, ", "))
	b.written[name] = true
	return nil
}

// writeImport writes what an import does. Of two modules that import each other,
// the one that is written first gets the other's names when both are there.
func (b *bundler) writeImport(w *bytes.Buffer, names, from string) {
	if b.written[from] {
		fmt.Fprintf(w, "const { %s } = modules['%s'];\n", names, from)
		return
	}
	fmt.Fprintf(w, "let %s;\nlate.push(() => { ({ %s } = modules['%s']); });\n", names, names, from)
}

// exported returns a module without its export keywords, and the names of its
// exports.
func exported(text string) (body string, names []string) {
	for _, line := range exportLine.FindAllStringSubmatch(text, -1) {
		names = append(names, line[2])
	}
	return exportLine.ReplaceAllString(text, "$1"), names
}
