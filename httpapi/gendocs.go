//go:build ignore

// Gendocs writes docs.html from openapi.yaml, docs.tmpl and the style sheet of
// the dashboard. Usage: go run gendocs.go docs.html
package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"html/template"
	"log"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: go run gendocs.go FILE")
	}
	page, err := render()
	if err == nil {
		err = os.WriteFile(os.Args[1], page, 0o644)
	}
	if err != nil {
		log.Fatal("gendocs: ", err)
	}
}

// render makes the page.
func render() ([]byte, error) {
	text, err := os.ReadFile("openapi.yaml")
	if err != nil {
		return nil, err
	}
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		return nil, err
	}
	style, err := dashboardStyle()
	if err != nil {
		return nil, err
	}
	page, err := template.New("docs.tmpl").Funcs(template.FuncMap{
		"prose": prose, "line": inline, "type": typeOf, "members": members, "example": exampleText,
		"samples": samples, "sampleOf": sampleOf, "succeeds": succeeds, "refusals": refusals,
	}).ParseFiles("docs.tmpl")
	if err != nil {
		return nil, err
	}
	schemas := doc.Components.Schemas
	var b bytes.Buffer
	err = page.Execute(&b, map[string]any{
		"Doc": doc, "Groups": groups(doc, string(text)), "Objects": objects(doc), "Style": style,
		"Code": schemas["Code"].Value, "RowCode": schemas["RowCode"].Value, "Problem": schemas["ProblemMembers"].Value,
	})
	return b.Bytes(), err
}

// dashboardStyle is what the page shares with the dashboard: the colours, and the
// bar at the top with its links.
func dashboardStyle() (template.CSS, error) {
	sheet, err := os.ReadFile("ui/style.css")
	if err != nil {
		return "", err
	}
	_, rest, _ := strings.Cut(string(sheet), "\n")
	colours, rest, found := strings.Cut(rest, "* {")
	bar := regexp.MustCompile(`(?m)^\.(top|brand|skip)\b.*\n`).FindAllString(rest, -1)
	if !found || len(bar) < 3 {
		return "", fmt.Errorf("the style sheet has another form: colours %q, bar %q", colours, bar)
	}
	return template.CSS(colours + strings.Join(bar, "")), nil
}

// group is the operations of a tag.
type group struct {
	*openapi3.Tag
	ID         string
	Operations []operation
}

type operation struct {
	*openapi3.Operation
	Method, Path string
	Open         bool
	Roles        []any // that may use it
}

// groups sorts the operations by tag, and within one as they are in the text of
// the document. Those with x-internal are left out.
func groups(doc *openapi3.T, text string) []group {
	paths := slices.SortedFunc(maps.Keys(doc.Paths.Map()), func(a, b string) int {
		return strings.Index(text, "\n  "+a+":\n") - strings.Index(text, "\n  "+b+":\n")
	})
	var all []group
	for _, tag := range doc.Tags {
		g := group{Tag: tag, ID: strings.ToLower(strings.ReplaceAll(tag.Name, " ", "-"))}
		for _, path := range paths {
			item := doc.Paths.Value(path)
			for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
				op := item.GetOperation(method)
				if op == nil || op.Tags[0] != tag.Name || op.Extensions["x-internal"] == true {
					continue
				}
				open := op.Security != nil && len(*op.Security) == 0
				roles, _ := op.Extensions["x-roles"].([]any)
				g.Operations = append(g.Operations, operation{withShared(op, item), method, path, open, roles})
			}
		}
		all = append(all, g)
	}
	return all
}

// withShared returns an operation with the parameters of its path, but for the
// one that every operation has.
func withShared(op *openapi3.Operation, item *openapi3.PathItem) *openapi3.Operation {
	all := *op
	shared := slices.DeleteFunc(slices.Clone(item.Parameters), func(p *openapi3.ParameterRef) bool { return p.Value.Name == "X-Request-Id" })
	all.Parameters = append(shared, op.Parameters...)
	return &all
}

// objects are the schemas with members, but for problems.
func objects(doc *openapi3.T) map[string]*openapi3.Schema {
	found := map[string]*openapi3.Schema{}
	for name, ref := range doc.Components.Schemas {
		if len(ref.Value.Properties) > 0 && !strings.Contains(name, "Problem") {
			found[name] = ref.Value
		}
	}
	return found
}

// samples are the curl lines of an operation.
func samples(op *openapi3.Operation) []sample {
	text, _ := json.Marshal(op.Extensions["x-codeSamples"]) // came from JSON or YAML
	var all []sample
	_ = json.Unmarshal(text, &all) // a test finds those without a source
	return all
}

type sample struct{ Label, Source string }

// sampleOf is an example of a parameter, or nothing.
func sampleOf(p *openapi3.Parameter) any {
	if list, ok := p.Example.([]any); ok {
		return list[0]
	}
	if p.Example == nil && len(p.Schema.Value.Examples) > 0 {
		return p.Schema.Value.Examples[0]
	}
	return p.Example
}

func succeeds(status string) bool { return status < "400" }

// refusal is a row of the table of errors.
type refusal struct {
	Status, Description string
	Headers             []string
}

func refusals(op *openapi3.Operation) []refusal {
	var all []refusal
	for _, status := range sortedKeys(op.Responses.Map()) {
		if response := op.Responses.Value(status).Value; !succeeds(status) {
			headers := slices.DeleteFunc(sortedKeys(response.Headers), func(name string) bool { return name == "X-Request-Id" })
			all = append(all, refusal{status, *response.Description, headers})
		}
	}
	return all
}

// member is a row of the table of an object.
type member struct {
	Name, Description string
	Type              template.HTML
	Optional          bool
}

func members(s *openapi3.Schema) []member {
	var all []member
	for _, name := range sortedKeys(s.Properties) {
		p := s.Properties[name]
		all = append(all, member{name, p.Value.Description, typeOf(p), !slices.Contains(s.Required, name)})
	}
	return all
}

func sortedKeys[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }

// typeOf says in words what a value may be.
func typeOf(ref *openapi3.SchemaRef) template.HTML {
	s := ref.Value
	name := ref.Ref[strings.LastIndex(ref.Ref, "/")+1:]
	switch {
	case name != "" && len(s.Properties) > 0:
		return template.HTML(`<a href="#` + name + `">` + name + `</a>`)
	case s.Const != nil:
		return "always " + code(fmt.Sprint(s.Const))
	case name == "Code" || name == "RowCode":
		return template.HTML(`<a href="#` + name + `">one of a list</a>`)
	case len(s.Enum) > 0:
		return "one of " + codes(enum(s))
	case s.Items != nil:
		return "array of " + typeOf(s.Items)
	case len(s.OneOf) > 0:
		return typeOf(s.OneOf[0]) + " or " + typeOf(s.OneOf[1])
	}
	return template.HTML(cmp.Or(strings.Join(s.Type.Slice(), " or "), "any")) + bounds(s)
}

func bounds(s *openapi3.Schema) template.HTML {
	switch {
	case s.Min != nil && s.Max != nil:
		return template.HTML(fmt.Sprintf(" from %v to %v", *s.Min, *s.Max))
	case len(s.Properties) > 0: // an object without a name of its own
		return " with " + codes(sortedKeys(s.Properties))
	}
	return ""
}

func codes(texts []string) template.HTML {
	var all []string
	for _, text := range texts {
		all = append(all, string(code(text)))
	}
	return template.HTML(strings.Join(all, ", "))
}

func code(text string) template.HTML {
	return template.HTML("<code>" + template.HTMLEscapeString(text) + "</code>")
}

var backticks = regexp.MustCompile("`([^`]+)`")

// inline writes text with code in backticks.
func inline(text string) template.HTML {
	return template.HTML(backticks.ReplaceAllString(template.HTMLEscapeString(text), "<code>$1</code>"))
}

// prose writes paragraphs.
func prose(text string) template.HTML {
	var b strings.Builder
	for paragraph := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		if paragraph != "" {
			fmt.Fprintf(&b, "<p>%s</p>\n", inline(paragraph))
		}
	}
	return template.HTML(b.String())
}

func exampleText(media *openapi3.MediaType) (string, error) {
	if text, ok := media.Example.(string); ok || media.Example == nil {
		return strings.TrimSpace(text), nil
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(media.Example)
	return strings.TrimSpace(b.String()), err
}

func enum(s *openapi3.Schema) []string {
	var all []string
	for _, v := range s.Enum {
		all = append(all, v.(string))
	}
	return all
}
