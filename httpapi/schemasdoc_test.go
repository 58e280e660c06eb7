package httpapi_test

import (
	"os"
	"regexp"
	"testing"

	"github.com/eventmetrics/eventmetrics/internal/schemafile"
)

func TestTheSchemasOfTheManualAreRead(t *testing.T) {
	text, err := os.ReadFile("../docs/http.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?s)### Schemas.*?```json\n(.*?)```").FindSubmatch(text)
	if found == nil {
		t.Fatal("there are none")
	}
	schemas, err := schemafile.Parse(found[1])
	if err != nil || len(schemas["visits"].Rules) != 3 {
		t.Errorf("got %v, %v", schemas, err)
	}
}
