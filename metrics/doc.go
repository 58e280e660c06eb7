// Package metrics has the words of eventmetrics: events, days, daily metrics,
// contributions, and the arithmetic between them.
//
// An [Event] is one accepted row. An [Aggregator] sums the events of one batch
// into its [Contribution]: one [DayCount] for each UTC day and event type. The
// metrics of any set of batches are the merged contributions of its members,
// in whatever order they are merged. A [DayCount] counts by quarter hour, which
// is fine enough to regroup days exactly into the hours, days, weeks and
// months of any time zone (see package series), because zone offsets are multiples
// of fifteen minutes everywhere since 1972-01-07.
//
// The package uses the standard library only and imports no sibling.
package metrics
