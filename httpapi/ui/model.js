// Turns answers of the server into what the overview is drawn from.
import { plural, period } from './format.js';
import { comparisons, dayBefore } from './range.js';
import { assign, palette } from './colours.js';
import { chosen, filterable, valueName } from './filter.js';
import { colours, keepColours } from './kept.js';

/**
 * The model of an overview: axis, the periods; types, the rows of the table; all,
 * the number of events in them; more, those of rarer types; chart, see stack; and
 * setValues, which gives the rows their values by period.
 */
export function arrange(q, { axis, by, byType, totals, previous }) {
  const valueOf = (m) => (by ? m[by] : m.event_type);
  const nameOf = (value) => (by ? valueName(value) : value);
  const all = (totals[0]?.metrics ?? []);
  const rarer = by ? 0 : all.find((m) => m.event_type === '__other__' && all.length > 1000)?.count ?? 0;
  const types = all.filter((m) => m.count > 0 && !(rarer && m.event_type === '__other__'))
    .map((m) => ({ value: valueOf(m), name: nameOf(valueOf(m)), count: m.count, before: m.previous_count }))
    .sort((a, b) => b.count - a.count);
  const setValues = (data) => {
    const lines = linesOf(axis, data, valueOf);
    for (const t of types) t.values = lines.get(t.value) ?? t.values;
  };
  setValues(byType);
  const series = seriesOf(q, axis, by, types);
  return {
    axis, by, types, setValues, more: rarer,
    all: all.reduce((sum, m) => sum + m.count, 0),
    chart: {
      interval: q.interval, series,
      starts: axis.map((b) => b.date),
      names: axis.map((b) => period(b.date, q.interval)),
      open: axis.findIndex((b) => b.finality === 'open'),
      previous: q.against && previous.count ? {
        label: comparisons[q.compare],
        values: axis.map((b) => b.previous_count),
        names: axis.map((b) => period(`${dayBefore(b.date.slice(0, 10), q)}${b.date.slice(10)}`, q.interval)),
      } : null,
    },
  };
}

/** The counts by period of each value. */
function linesOf(axis, data, valueOf) {
  const index = new Map(axis.map((b, i) => [b.date, i]));
  const lines = new Map();
  for (const { date, metrics } of data) {
    for (const m of metrics) {
      if (!lines.has(valueOf(m))) lines.set(valueOf(m), new Array(axis.length).fill(0));
      lines.get(valueOf(m))[index.get(date)] = m.count;
    }
  }
  return lines;
}

/** The series of the chart: the most frequent of the chosen values, and the others. */
function seriesOf(q, axis, by, types) {
  const now = chosen(q, by);
  const counted = types.filter((t) => (now.length === 0 || now.includes(t.value)) && t.values && filterable(by, t.value));
  const named = counted.slice(0, palette);
  const known = colours(by);
  assign(named.map((t) => t.value), known).forEach((colour, i) => { named[i].colour = colour; });
  keepColours(by, known);
  const series = named.map((t) => ({ value: t.value, name: t.name, values: t.values, colour: t.colour }));
  const rest = axis.map((b, i) => b.count - series.reduce((sum, s) => sum + s.values[i], 0));
  const others = (now.length || types.length) - named.length;
  if (rest.some((n) => n > 0)) series.push({ name: plural(Math.max(others, 1), 'other'), rest: true, values: rest.map((n) => Math.max(n, 0)), colour: palette });
  return series;
}
