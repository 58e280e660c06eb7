// Package series computes time series from daily metrics: counts by hour, day,
// week or month on the calendar of a time zone, with comparison, grouping by
// dimension and finality.
//
// A [Query] describes a series and a [Source] provides the data. [Run] reads
// the daily counts that the query needs and returns a [Result], whose buckets
// form a table: a row for each period of the time axis, and a column for each
// event type and group. An event type is what an event is called; a group has
// the values of the dimensions in Query.GroupBy.
//
// Daily metrics count by quarter hour of the UTC day. Since 1972-01-07 the
// offsets of all time zones are multiples of fifteen minutes, so a period of
// any zone is an exact sum of quarter hours.
package series
