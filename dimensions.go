package eventmetrics

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/metrics/series"
)

// validateDimensions checks that Dimensions are at most three, all different,
// and neither the event id, the event type nor the time of Schema; nor the
// subject, which has far too many values, and whose names no erasure could take
// out of the metrics; nor may they have the names that answers have for other
// things.
func (o *Options) validateDimensions() error {
	schema := o.Schema.WithDefaults()
	if len(o.Dimensions) > metrics.MaxDimensions {
		return fmt.Errorf("eventmetrics: Options.Dimensions: there are %d, at most %d are possible", len(o.Dimensions), metrics.MaxDimensions)
	}
	taken := []string{
		"", schema.EventID, schema.EventType, schema.Time, cmp.Or(o.Subject, defaultSubject),
		"date", "event_type", "count", "uniques", "previous_count", "previous_uniques", "finality", "as_of",
	}
	for _, name := range o.Dimensions {
		if slices.ContainsFunc(taken, func(other string) bool { return strings.EqualFold(name, other) }) {
			return fmt.Errorf("eventmetrics: Options.Dimensions: %.40q is empty, given twice, or has another meaning", name)
		}
		taken = append(taken, name)
	}
	return nil
}

// UnknownDimensionError means that a query names a dimension that is not in
// Options.Dimensions.
type UnknownDimensionError struct {
	Name string
	// Known are the names in Options.Dimensions.
	Known []string
}

// Error names the dimension and lists the known ones.
func (e *UnknownDimensionError) Error() string {
	if len(e.Known) == 0 {
		return fmt.Sprintf("eventmetrics: unknown dimension %.40q; there are none", e.Name)
	}
	return fmt.Sprintf("eventmetrics: unknown dimension %.40q; there are %s", e.Name, strings.Join(e.Known, ", "))
}

// checkDimensions checks the dimensions that a query names.
func (s *Service) checkDimensions(q *series.Query) error {
	names := slices.Clone(q.GroupBy)
	for name := range q.Where {
		names = append(names, name)
	}
	slices.Sort(names) // the same error for the same query
	for _, name := range names {
		if !slices.Contains(s.opts.Dimensions, name) {
			return &UnknownDimensionError{name, s.opts.Dimensions}
		}
	}
	return nil
}
