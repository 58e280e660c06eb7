// Package metrics defines the core types of eventmetrics: events, days, daily
// counts and contributions, and the arithmetic on them.
//
// An [Event] is one accepted row of a file. An [Aggregator] sums the events of
// a batch into its [Contribution]: one [DayCount] for each UTC day and event
// type, and one for each [Group] of these if the counts are broken down by
// dimensions. The metrics of any set of batches are the sum of their
// contributions, in whatever order they are merged.
//
// A DayCount has the number of events, the same by quarter hour ([Slots]), and
// an estimate of the distinct subjects ([Sketch]). A store keeps contributions
// in their binary encoding and answers a [Filter] with DayCounts. Package
// series makes time series of them.
//
// The package imports the standard library only.
package metrics
