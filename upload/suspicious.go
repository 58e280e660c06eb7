package upload

import (
	"fmt"
	"maps"
	"slices"

	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/metrics"
)

// The codes of warnings about a file as a whole. Those about rows are
// ingest.WarningCodes.
const (
	ManyRejected  ingest.Code = "many_rejected"  // more than 1 % of the rows were rejected
	SimilarValues ingest.Code = "similar_values" // values differ in case or in what cannot be seen
)

// WarningCodes returns these codes.
func WarningCodes() []ingest.Code { return []ingest.Code{ManyRejected, SimilarValues} }

// warnings returns what is suspicious about a file.
func (p *parser) warnings(s *summary) []ingest.Warning {
	all := p.reader.Warnings()
	if rows := s.accepted + s.duplicates + s.rejected; s.rejected*100 > rows {
		w := ingest.Warning{Code: ManyRejected, Count: s.rejected, Message: fmt.Sprintf("%d of %d rows were rejected", s.rejected, rows)}
		if len(s.errors) > 0 {
			w.Line = s.errors[0].Line
		}
		all = append(all, w)
	}
	return append(all, p.similar(s.contribution)...)
}

// similar returns a warning for each event type or dimension value that differs
// from a more frequent one only in case or in what cannot be seen.
func (p *parser) similar(c metrics.Contribution) (all []ingest.Warning) {
	counts := map[string]map[string]int64{} // by column, then value
	add := func(column, value string, n int64) {
		if counts[column] == nil {
			counts[column] = map[string]int64{}
		}
		counts[column][value] += n
	}
	for i := range c {
		d := &c[i]
		if d.Group == "" {
			add(p.schema.EventType, d.Type, d.Count)
		}
		for _, f := range d.Group.Values() {
			add(f.Name, f.Value, d.Count)
		}
	}
	for _, column := range slices.Sorted(maps.Keys(counts)) {
		all = append(all, p.similarValues(column, counts[column])...)
	}
	return all
}

func (p *parser) similarValues(column string, counts map[string]int64) (all []ingest.Warning) {
	most := map[string]string{} // the most frequent spelling
	values := slices.Sorted(maps.Keys(counts))
	for _, v := range values {
		if best, ok := most[ingest.Fold(v)]; !ok || counts[v] > counts[best] {
			most[ingest.Fold(v)] = v
		}
	}
	for _, v := range values {
		best := most[ingest.Fold(v)]
		if v == best {
			continue
		}
		all = append(all, ingest.Warning{
			Code: SimilarValues, Column: column, Count: counts[v],
			Line:    p.firstLines[metrics.Field{Name: column, Value: v}],
			Message: fmt.Sprintf("%.60q differs from the more frequent %.60q only in case or in invisible characters", v, best),
		})
	}
	return all
}
