package eventmetrics

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/eventmetrics/eventmetrics/metrics/series"
)

// ErrFuture means that a query asks for the metrics as of a time to come.
var ErrFuture = errors.New("eventmetrics: as of a moment in the future")

// UnknownDimensionError means that a query names a dimension that is not in
// Options.Dimensions.
type UnknownDimensionError struct {
	Name string
	// Known are Options.Dimensions.
	Known []string
}

// Error cites the name and lists the known ones.
func (e *UnknownDimensionError) Error() string {
	if len(e.Known) == 0 {
		return fmt.Sprintf("eventmetrics: unknown dimension %.40q; there are none", e.Name)
	}
	return fmt.Sprintf("eventmetrics: unknown dimension %.40q; there are %s", e.Name, strings.Join(e.Known, ", "))
}

// checkDimensions checks the dimensions of a query.
func (s *Service) checkDimensions(query *series.Query) error {
	names := slices.Clone(query.GroupBy)
	for name := range query.Where {
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
