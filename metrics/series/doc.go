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
// Daily metrics count by quarter hour of the UTC day. A period of a zone is an
// exact sum of quarter hours while the offset of the zone is a multiple of
// fifteen minutes, as it is everywhere since 1972-01-07, and its clocks are
// changed on a quarter hour, as they are everywhere since March 2011. A range
// for which that does not hold is refused with an [UnalignedZoneError].
package series
