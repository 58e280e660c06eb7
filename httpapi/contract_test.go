package httpapi_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

// contract holds answers against openapi.yaml.
type contract struct {
	doc *openapi3.T
	mux *http.ServeMux // knows the pattern of each operation
	ops map[string]documented
}

// documented is an operation of the document, with its path there.
type documented struct {
	*openapi3.Operation
	path string
}

var loadContract = sync.OnceValues(func() (*contract, error) {
	text, err := os.ReadFile("openapi.yaml")
	if err != nil {
		return nil, err
	}
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		return nil, err
	}
	c := &contract{doc, http.NewServeMux(), map[string]documented{}}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			pattern, named := op.Extensions["x-pattern"].(string)
			if !named {
				pattern = method + " " + path
			}
			c.ops[pattern] = documented{op, path}
			c.mux.HandleFunc(pattern, func(http.ResponseWriter, *http.Request) {})
			registerMedia(op)
		}
	}
	return c, nil
})

// registerMedia has bodies taken as text that the filter does not know.
func registerMedia(op *openapi3.Operation) {
	for _, response := range op.Responses.Map() {
		for media := range response.Value.Content {
			if openapi3filter.RegisteredBodyDecoder(media) == nil {
				openapi3filter.RegisterBodyDecoder(media, openapi3filter.PlainBodyDecoder)
			}
		}
	}
}

func theContract(t *testing.T) *contract {
	t.Helper()
	c, err := loadContract()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// watched returns a handler whose every answer must keep the contract.
func watched(t *testing.T, next http.Handler) http.Handler {
	t.Helper()
	return theContract(t).watch(next, func(err error) { t.Error(err) })
}

// watch reports the answers of a handler that break the contract. Answers go
// out as they come, and not compressed, so that they can be read here.
func (c *contract) watch(next http.Handler, report func(error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen := &witness{ResponseWriter: w}
		whole := false
		r = r.Clone(r.Context())
		r.Header.Del("Accept-Encoding")
		defer func() {
			if seen.status == 0 {
				seen.note(http.StatusOK)
			}
			if err := c.check(r, seen.status, seen.header, seen.body.Bytes(), whole); err != nil {
				report(fmt.Errorf("%s %s answered %d %.300q: %w", r.Method, r.URL, seen.status, seen.body.Bytes(), err))
			}
		}()
		next.ServeHTTP(seen, r)
		whole = true // and not cut off by a panic
	})
}

// witness keeps a copy of an answer.
type witness struct {
	http.ResponseWriter
	status int
	header http.Header
	body   bytes.Buffer
}

func (w *witness) note(status int) {
	if w.status == 0 && status >= 200 {
		w.status, w.header = status, w.Header().Clone()
		if vary := slices.DeleteFunc(w.header["Vary"], func(v string) bool { return v == "Accept-Encoding" }); len(vary) == 0 {
			delete(w.header, "Vary") // every answer has it
		}
	}
}

func (w *witness) WriteHeader(status int) {
	w.note(status)
	w.ResponseWriter.WriteHeader(status)
}

func (w *witness) Write(p []byte) (int, error) {
	w.note(http.StatusOK)
	w.body.Write(p)
	return w.ResponseWriter.Write(p)
}

// Unwrap serves http.ResponseController.
func (w *witness) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// uncounted are headers that belong to the connection, or to every answer;
// info.description describes the latter.
var uncounted = []string{
	"Connection", "Content-Length", "Content-Type", "Date",
	"Cache-Control", "Content-Security-Policy", "Referrer-Policy", "X-Content-Type-Options",
}

// check says how an answer breaks the contract. The body of an answer that is
// not complete is not checked.
func (c *contract) check(r *http.Request, status int, header http.Header, body []byte, whole bool) error {
	if status == 499 { // the client has left
		return nil
	}
	response, err := c.response(r, status)
	if err != nil {
		return err
	}
	for name := range header {
		if !slices.Contains(uncounted, name) && !hasHeader(response, name) {
			return fmt.Errorf("header %s is not documented", name)
		}
	}
	if len(response.Content) == 0 && len(body) > 0 {
		return errors.New("a body is not documented")
	}
	if err := c.validate(r, response, header, body, whole); err != nil || !whole {
		return err
	}
	return c.checkParts(response.Content.Get(header.Get("Content-Type")), body)
}

// response finds what is documented of an answer. What the document has no
// operation for must be refused as it says.
func (c *contract) response(r *http.Request, status int) (*openapi3.Response, error) {
	_, pattern := c.mux.Handler(r)
	op, found := c.ops[pattern]
	var ref *openapi3.ResponseRef
	switch {
	case found:
		ref = op.Responses.Status(status)
	case status == http.StatusNotFound:
		ref = c.doc.Components.Responses["NotFound"]
	case status == http.StatusMethodNotAllowed:
		ref = c.doc.Components.Responses["MethodNotAllowed"]
	}
	if ref == nil {
		return nil, fmt.Errorf("status %d of %q is not documented", status, pattern)
	}
	if found && status < 300 {
		return ref.Value, errors.Join(checkQuery(r, op.Operation), checkContent(r, op.Operation))
	}
	return ref.Value, nil
}

// checkQuery says which parameter of a request that was taken is not
// documented.
func checkQuery(r *http.Request, op *openapi3.Operation) error {
	for name := range r.URL.Query() {
		if strings.HasPrefix(name, "where.") {
			name = "where.NAME"
		}
		if op.Parameters.GetByInAndName(openapi3.ParameterInQuery, name) == nil {
			return fmt.Errorf("parameter %s is not documented", name)
		}
	}
	return nil
}

// checkContent does the same for the media type.
func checkContent(r *http.Request, op *openapi3.Operation) error {
	if op.RequestBody != nil && op.RequestBody.Value.Content.Get(r.Header.Get("Content-Type")) == nil {
		return fmt.Errorf("a body of %s is not documented", r.Header.Get("Content-Type"))
	}
	return nil
}

func hasHeader(response *openapi3.Response, name string) bool {
	for documented := range response.Headers {
		if strings.EqualFold(documented, name) {
			return true
		}
	}
	return false
}

// validate holds headers and body against their schemas. The response passes
// for one with status 200, because the filter does not look at some others.
func (c *contract) validate(r *http.Request, response *openapi3.Response, header http.Header, body []byte, whole bool) error {
	op := &openapi3.Operation{Responses: openapi3.NewResponses(openapi3.WithStatus(http.StatusOK, &openapi3.ResponseRef{Value: response}))}
	return openapi3filter.ValidateResponse(r.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: r, Route: &routers.Route{Spec: c.doc, Operation: op}},
		Status:                 http.StatusOK,
		Header:                 header,
		Body:                   io.NopCloser(bytes.NewReader(body)),
		Options:                &openapi3filter.Options{ExcludeResponseBody: !whole},
	})
}

// checkParts holds the parts of a stream against their schemas: OpenAPI 3.1 has
// no words for NDJSON, of which x-line-schema names the schema of each line,
// nor for server-sent events, of which x-event-schemas does by event.
func (c *contract) checkParts(media *openapi3.MediaType, body []byte) error {
	if media == nil {
		return nil
	}
	if name, ok := media.Extensions["x-line-schema"].(string); ok {
		for line := range bytes.Lines(body) {
			if err := c.checkJSON(name, line); err != nil {
				return err
			}
		}
	}
	if names, ok := media.Extensions["x-event-schemas"].(map[string]any); ok {
		return c.checkEvents(names, body)
	}
	return nil
}

func (c *contract) checkJSON(schema string, text []byte) error {
	value, err := openapi3filter.JSONBodyDecoder(bytes.NewReader(text), nil, nil, nil)
	if err != nil {
		return err
	}
	return c.doc.Components.Schemas[schema].Value.VisitJSON(value, openapi3.EnableJSONSchema2020())
}

var (
	plainBlock = regexp.MustCompile(`^(: .+|retry: \d+)\n\n$`)
	eventBlock = regexp.MustCompile(`^id: \S+\nevent: (\w+)\ndata: (.+)\n\n$`)
)

// checkEvents takes comments, the time to wait before coming again, and events
// with an id and one line of data.
func (c *contract) checkEvents(schemas map[string]any, body []byte) error {
	for block := range bytes.SplitAfterSeq(body, []byte("\n\n")) {
		if len(block) == 0 || plainBlock.Match(block) {
			continue
		}
		parts := eventBlock.FindSubmatch(block)
		if parts == nil {
			return fmt.Errorf("%q is no event", block)
		}
		schema, ok := schemas[string(parts[1])].(string)
		if !ok {
			return fmt.Errorf("event %s is not documented", parts[1])
		}
		if err := c.checkJSON(schema, parts[2]); err != nil {
			return fmt.Errorf("event %s: %w", parts[1], err)
		}
	}
	return nil
}
