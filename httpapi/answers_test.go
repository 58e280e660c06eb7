package httpapi_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	gocmp "github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics/httpapi"
)

// appended are the schemas of answers that are appended by hand.
var appended = []string{"Series", "SeriesLine", "Explanation"}

// TestAnswersAreThoseOfTheSpecification compares each type of answers.go with
// the schema of its name: the same members, of the same types, and optional or
// null in both or neither.
func TestAnswersAreThoseOfTheSpecification(t *testing.T) {
	c := comparison{t: t, doc: theContract(t).doc, seen: map[string]bool{}}
	for _, typ := range httpapi.AnswerTypes() {
		c.compare(typ, schemaOf(typ), &openapi3.SchemaRef{Ref: "/" + schemaOf(typ), Value: c.schema(schemaOf(typ))})
	}
	source, err := os.ReadFile("answers.go")
	if err != nil {
		t.Fatal(err)
	}
	var types []string
	for _, found := range regexp.MustCompile(`(?m)^type (\w+)JSON struct`).FindAllSubmatch(source, -1) {
		types = append(types, capital(string(found[1])))
	}
	if d := gocmp.Diff(set(types), set(slices.Collect(maps.Keys(c.seen)))); d != "" {
		t.Errorf("types of answers.go that no answer has (-), or that are elsewhere (+): %s", d)
	}
	var schemas []string
	for name, ref := range c.doc.Components.Schemas {
		if len(c.properties(name, ref.Value)) > 0 && !slices.Contains(appended, name) && name != "RowError" {
			schemas = append(schemas, name)
		}
	}
	if d := gocmp.Diff(set(schemas), set(types)); d != "" {
		t.Errorf("schemas without a type (-), types without a schema (+): %s", d)
	}
}

// TestComparisonOfAnswersFindsDifferences gives the comparison types that differ from their
// schema.
func TestComparisonOfAnswersFindsDifferences(t *testing.T) {
	schema := &openapi3.SchemaRef{Value: &openapi3.Schema{
		Type: &openapi3.Types{"object"}, Required: []string{"id"},
		Properties: openapi3.Schemas{
			"id":   {Value: openapi3.NewStringSchema()},
			"name": {Value: openapi3.NewStringSchema()},
		},
	}}
	for _, tc := range []struct {
		name  string
		value any
		want  string
	}{
		{"nothing", struct {
			ID   string `json:"id"`
			Name string `json:"name,omitzero"`
		}{}, ""},
		{"a member less", struct {
			ID string `json:"id"`
		}{}, "members"},
		{"a member more", struct {
			Age  int    `json:"age,omitzero"`
			ID   string `json:"id"`
			Name string `json:"name,omitzero"`
		}{}, "members"},
		{"a member that is not optional", struct {
			ID   string `json:"id"`
			Name string `json:"name"`
		}{}, "name is required in one only"},
		{"a member that may be null", struct {
			ID   *string `json:"id"`
			Name string  `json:"name,omitzero"`
		}{}, "id may be null in one only"},
		{"a type", struct {
			ID   int64  `json:"id"`
			Name string `json:"name,omitzero"`
		}{}, "id is int64 here, string there"},
		{"the order", struct {
			Name string `json:"name,omitzero"`
			ID   string `json:"id"`
		}{}, "order"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got []string
			c := comparison{t: t, report: func(text string) { got = append(got, text) }, seen: map[string]bool{}}
			c.compare(reflect.TypeOf(tc.value), "x", schema)
			if tc.want == "" && len(got) > 0 || tc.want != "" && !strings.Contains(strings.Join(got, "\n"), tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// comparison compares Go types with schemas.
type comparison struct {
	t      *testing.T
	doc    *openapi3.T
	report func(string) // nil means t.Error
	seen   map[string]bool
}

func (c *comparison) errorf(format string, args ...any) {
	c.t.Helper()
	if c.report != nil {
		c.report(fmt.Sprintf(format, args...))
		return
	}
	c.t.Errorf(format, args...)
}

// schemaOf returns the name of the schema that a type is of.
func schemaOf(typ reflect.Type) string { return capital(strings.TrimSuffix(typ.Name(), "JSON")) }

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

func (c *comparison) schema(name string) *openapi3.Schema {
	ref := c.doc.Components.Schemas[name]
	if ref == nil {
		c.t.Fatalf("there is no schema %s", name)
	}
	return ref.Value
}

// properties returns the members of a schema; of a problem, those that not
// every problem has.
func (c *comparison) properties(name string, s *openapi3.Schema) openapi3.Schemas {
	if !strings.HasSuffix(name, "Problem") {
		return s.Properties
	}
	more := maps.Clone(s.Properties)
	for common := range c.doc.Components.Schemas["ProblemMembers"].Value.Properties {
		delete(more, common)
	}
	return more
}

// member is a member of an object in Go.
type goMember struct {
	typ      reflect.Type
	optional bool
}

// goMembers returns the members of a struct in their order, with those of
// embedded structs.
func goMembers(typ reflect.Type) (names []string, members map[string]goMember) {
	members = map[string]goMember{}
	for field := range typ.Fields() {
		if field.Anonymous {
			inner, more := goMembers(field.Type)
			names = append(names, inner...)
			maps.Copy(members, more)
			continue
		}
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		names = append(names, name)
		members[name] = goMember{field.Type, options == "omitzero"}
	}
	return names, members
}

// compare compares a type with a schema, place says where it is.
func (c *comparison) compare(typ reflect.Type, place string, ref *openapi3.SchemaRef) {
	c.t.Helper()
	s := ref.Value
	if named, ok := strings.CutSuffix(typ.Name(), "JSON"); ok {
		if name := ref.Ref[strings.LastIndex(ref.Ref, "/")+1:]; name != capital(named) {
			c.errorf("%s is %s here, %q there", place, typ.Name(), name)
		}
		if c.seen[capital(named)] {
			return
		}
		c.seen[capital(named)] = true
	}
	names, members := goMembers(typ)
	properties := c.properties(place, s)
	if d := gocmp.Diff(set(slices.Collect(maps.Keys(properties))), set(names)); d != "" {
		c.errorf("members of %s (- there, + here): %s", place, d)
		return
	}
	if own := names[len(names)-ownFields(typ):]; !slices.IsSorted(own) {
		c.errorf("%s has its members not in alphabetical order: %q", place, own)
	}
	for name, member := range members {
		at := place + "." + name
		if member.optional == slices.Contains(s.Required, name) {
			c.errorf("%s is required in one only", at)
		}
		c.value(member, at, properties[name])
	}
}

// ownFields is the number of fields that are not of an embedded struct.
func ownFields(typ reflect.Type) (n int) {
	for field := range typ.Fields() {
		if !field.Anonymous {
			n++
		}
	}
	return n
}

// value compares the type of a member or an element with its schema.
func (c *comparison) value(member goMember, place string, ref *openapi3.SchemaRef) {
	c.t.Helper()
	typ, s := member.typ, ref.Value
	_, marshals := reflect.TypeAssert[json.Marshaler](reflect.Zero(typ))
	if marshals {
		c.marshaler(typ, place, ref)
		return
	}
	null := typ.Kind() == reflect.Pointer && !member.optional
	if typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	if null != nullable(s) {
		c.errorf("%s may be null in one only", place)
	}
	if len(s.OneOf) == 2 && s.OneOf[1].Value.Type.Is(openapi3.TypeNull) {
		ref, s = s.OneOf[0], s.OneOf[0].Value
	}
	if here, there := kind(typ), kindOf(s); here != there {
		c.errorf("%s is %s here, %s there", place, typ, there)
		return
	}
	switch typ.Kind() {
	case reflect.Struct:
		c.compare(typ, place, ref)
	case reflect.Slice:
		if s.Items != nil {
			c.value(goMember{typ: typ.Elem()}, place+"[]", s.Items)
		} else if s.MaxItems == nil || *s.MaxItems > 0 {
			c.errorf("%s has elements of no schema", place)
		}
	}
}

// marshaler compares what a type with a form of its own encodes.
func (c *comparison) marshaler(typ reflect.Type, place string, ref *openapi3.SchemaRef) {
	c.t.Helper()
	text, err := json.Marshal(reflect.New(typ.Elem()).Interface())
	if err != nil {
		c.t.Fatal(err)
	}
	var members map[string]any
	if err := json.Unmarshal(text, &members); err != nil {
		c.t.Fatal(err)
	}
	got := slices.Sorted(maps.Keys(members))
	for _, want := range [][]string{slices.Sorted(maps.Keys(ref.Value.Properties)), slices.Sorted(slices.Values(ref.Value.Required))} {
		if d := gocmp.Diff(want, got); d != "" {
			c.errorf("%s encodes other members: %s", place, d)
		}
	}
}

func nullable(s *openapi3.Schema) bool {
	return slices.Contains(s.Type.Slice(), openapi3.TypeNull) || len(s.OneOf) == 2 && s.OneOf[1].Value.Type.Is(openapi3.TypeNull)
}

// kind is the JSON type of a Go type.
func kind(typ reflect.Type) string {
	switch typ.Kind() {
	case reflect.Bool:
		return openapi3.TypeBoolean
	case reflect.Int, reflect.Int64:
		return openapi3.TypeInteger
	case reflect.Float64:
		return openapi3.TypeNumber
	case reflect.String:
		return openapi3.TypeString
	case reflect.Slice:
		return openapi3.TypeArray
	case reflect.Struct, reflect.Map:
		return openapi3.TypeObject
	}
	return typ.String()
}

// kindOf is the JSON type of a schema.
func kindOf(s *openapi3.Schema) string {
	switch v := s.Const.(type) {
	case string:
		return openapi3.TypeString
	case bool:
		return openapi3.TypeBoolean
	case float64, int, uint64:
		return openapi3.TypeInteger
	case nil:
	default:
		return fmt.Sprintf("const of %T", v)
	}
	if len(s.AnyOf) > 0 {
		return kindOf(s.AnyOf[0].Value)
	}
	types := slices.DeleteFunc(slices.Clone(s.Type.Slice()), func(t string) bool { return t == openapi3.TypeNull })
	return cmp.Or(strings.Join(types, " or "), "anything")
}
