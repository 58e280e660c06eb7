package eventmetrics

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/eventmetrics/eventmetrics/ingest"
)

// Validate returns nil if a Service can work with the options, else all that is
// wrong, joined. [Service.Run] and httpapi.New refuse options that it does not
// pass. Errors: *ingest.RuleError for a rule of a schema that makes no sense.
func (o *Options) Validate() error {
	wrong := []error{validateSchema("Schema", o.Schema), o.validateDimensions()}
	for _, name := range slices.Sorted(maps.Keys(o.Schemas)) {
		wrong = append(wrong, validateSchema(fmt.Sprintf("Schemas[%q]", name), o.Schemas[name]))
	}
	return errors.Join(wrong...)
}

func validateSchema(place string, schema ingest.Schema) error {
	if err := schema.Validate(); err != nil {
		return fmt.Errorf("eventmetrics: Options.%s: %w", place, err)
	}
	return nil
}
