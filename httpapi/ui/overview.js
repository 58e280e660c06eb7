// The overview: the events of a range by period, hour and type.
import { h, put, button, copy, save, tableHead, toast } from './dom.js';
import { curl, get, metrics, request, series } from './api.js';
import { average, day, number, percent, period, plural, span } from './format.js';
import { changed, go, params } from './nav.js';
import { comparisons, daysBetween, daysOf, intervals, isDate, lastOfMonth, ranges, readQuery, zones } from './range.js';
import { stack, swatch } from './chart.js';
import { heatmap } from './heatmap.js';
import { spark } from './spark.js';
import { explain } from './explain.js';
import { follow } from './live.js';
import { welcome } from './welcome.js';

const coloured = 7; // types with their own colour; the others share one

export async function overview(root, { signal }) {
  const q = readQuery(params());
  const before = await latest(signal);
  const found = await read(q, signal);
  if (found.axis.every((b) => b.count === 0)) {
    const { data } = await get('batches?limit=1', signal);
    if (data.length === 0) return welcome(root, signal);
  }
  const model = arrange(q, found);
  const body = model.sum === 0 ? await nothing(q, signal) : [
    cards(q, model, found),
    h('section', { class: 'card' }, h('header', null, h('h2', null, `Events by ${found.by || 'type'}`), tools(q, found.by)), legend(q, model), figure(q, model), dataTable(q, model)),
    h('div', { class: 'pair' },
      h('section', { class: 'card' }, h('h2', null, 'Activity by hour and weekday'), found.hours ? heatmap(found.hours) : h('p', { class: 'quiet' }, 'Choose a range of at most 400 days to see this.')),
      typesTable(q, model, found)),
  ];
  put(root, h('h1', { class: 'vh' }, 'Overview'), controls(q, found), body);
  if (isDate(params().get('day'))) open(params().get('day'), params().get('of') ?? '');
  watch(before, signal);
}

/** Asks for the sums first, and for their parts only if there are events. */
async function read(q, signal) {
  const all = { tz: q.zone, from: q.from, to: q.to };
  if (q.types.length) all.event_type = q.types;
  const ask = (more) => series(pairs({ ...all, ...more }), signal);
  const beside = { compare: q.compare };
  const [sums, schema] = await Promise.all([
    ask({ ...beside, interval: q.interval, group: 'none', fill: 'zero', finality: 'true' }),
    get('schema', signal),
  ]);
  const some = sums.total_count > 0;
  const by = schema.dimensions.includes(q.by) ? q.by : '';
  const parts = grouped(by);
  const [byType, totals, hours, people] = await Promise.all([
    some ? ask({ ...parts, interval: q.interval }) : none,
    some ? ask({ ...parts, ...beside, interval: 'all' }) : none,
    some && q.days <= 400 ? ask({ ...beside, interval: 'hour', group: 'none' }) : null,
    some && q.zone === 'UTC' ? ask({ ...beside, interval: 'all', group: 'none', uniques: 'true' }) : null,
  ]);
  return {
    sum: sums.total_count, previous: sums.previous, axis: sums.data, subject: schema.columns.subject,
    by, dimensions: schema.dimensions, byType: byType.data, totals: totals.data, hours: hours?.data, people: people?.data,
  };
}

const none = { data: [] };

/** Parameters that ask for the values of a dimension instead of event types. */
const grouped = (by) => (by ? { group: 'none', group_by: by } : {});

const pairs = (values) => Object.entries(values).flatMap(([name, value]) => [value].flat().map((v) => [name, v]));

/** Turns the answers into the model that the page is drawn from. */
function arrange(q, { sum, axis, by, byType, totals }) {
  const nameOf = (m) => (by ? m[by] || '(empty)' : m.event_type);
  const index = new Map(axis.map((b, i) => [b.date, i]));
  const lines = new Map();
  for (const { date, metrics: all } of byType) {
    for (const m of all) {
      const name = nameOf(m);
      if (!lines.has(name)) lines.set(name, new Array(axis.length).fill(0));
      lines.get(name)[index.get(date)] = m.count;
    }
  }
  const types = (totals[0]?.metrics ?? []).filter((m) => m.count > 0)
    .map((m) => ({ name: nameOf(m), count: m.count, before: m.previous_count, values: lines.get(nameOf(m)) ?? [] }))
    .sort((a, b) => b.count - a.count);
  const series = types.slice(0, coloured).map((t) => ({ name: t.name, values: t.values }));
  if (types.length > coloured) {
    const rest = types.slice(coloured);
    series.push({ name: plural(rest.length, 'other'), rest: true, values: axis.map((_, i) => rest.reduce((sum, t) => sum + (t.values[i] ?? 0), 0)) });
  }
  return {
    sum, axis, by, types, series,
    names: axis.map((b) => period(b.date, q.interval)),
    open: axis.findIndex((b) => b.finality === 'open'),
  };
}

function controls(q, { by, dimensions }) {
  const date = (name, label) => h('label', null, h('span', { class: 'vh' }, label), h('input', { type: 'date', name, value: q[name], required: true }));
  const pick = (e) => {
    const form = new FormData(e.currentTarget.form ?? e.currentTarget);
    e.preventDefault();
    if (form.get('from') > form.get('to')) return toast('The start date is after the end date.');
    go(changed({ range: 'custom', from: form.get('from'), to: form.get('to'), interval: null }));
  };
  const choice = (label, values, now, name, texts = {}) => h('label', { class: 'choice' }, h('span', null, label),
    h('select', { name: `choose-${name}`, onchange: (e) => go(changed({ [name]: e.target.value })) },
      values.map((v) => h('option', { value: v, selected: v === now }, texts[v] ?? v))));
  return h('div', { class: 'controls' },
    h('nav', { class: 'pills', 'aria-label': 'Range' }, Object.entries(ranges).map(([name, label]) =>
      h('a', { href: changed({ range: name, from: null, to: null, interval: null }), 'aria-current': q.range === name ? 'true' : null }, label))),
    h('form', { class: 'dates', onsubmit: pick }, date('from', 'Start date'), h('span', { 'aria-hidden': 'true' }, '–'), date('to', 'End date'),
      h('button', { class: q.range === 'custom' ? 'chosen' : '' }, 'Apply')),
    choice('Per', intervals(q.days), q.interval, 'interval'),
    dimensions.length ? choice('Group by', ['', ...dimensions], by, 'group', { '': 'event type' }) : null,
    choice('Compare to', Object.keys(comparisons), q.compare, 'compare', comparisons),
    choice('Time zone', zones(q.zone), q.zone, 'tz'),
    q.types.length ? h('a', { class: 'pill', href: changed({ type: null }) }, `Only ${q.types.join(', ')} ✕`) : null);
}

function cards(q, model, { hours, people, previous, subject }) {
  const before = spanOf(previous);
  const top = (member) => (hours ?? []).reduce((a, b) => (b[member] > (a?.[member] ?? 0) ? b : a), null);
  const peak = top('count');
  const distinct = people?.[0];
  return h('div', { class: 'cards' },
    card('Events', number(model.sum), change(model.sum, previous.count, before)),
    card(`Distinct ${subject}`, distinct ? `≈ ${number(distinct.uniques)}` : '–',
      distinct ? change(distinct.uniques, distinct.previous_uniques, before) : h('span', null, 'UTC only'), 'An estimate with a standard error of 1.6%'),
    card('Daily average', average(model.sum / q.days), change(model.sum / q.days, previous.count / daysBetween(previous.from, previous.to), before)),
    card('Busiest hour', peak ? number(peak.count) : '–', peak ? [change(peak.count, top('previous_count')?.previous_count ?? 0, before), h('span', { class: 'sub' }, period(peak.date, 'hour').full)] : null));
}

const spanOf = (previous) => span(previous.from, previous.to);

const card = (title, value, note, hint) => h('section', { class: 'card stat', title: hint },
  h('h2', null, title), h('p', { class: 'value' }, value), h('p', { class: 'note' }, note));

function change(now, before, range) {
  if (!before) return h('span', { class: 'quiet', title: `Compared to ${range}` }, now ? 'No earlier data' : '');
  const part = now / before - 1;
  const sign = part > 0.0005 ? '▲' : part < -0.0005 ? '▼' : '=';
  return h('span', { class: { '▲': 'up', '▼': 'down', '=': 'quiet' }[sign], title: `Compared to ${range}` },
    `${sign} ${percent(Math.abs(part))}`, h('span', { class: 'vh' }, ` ${part < 0 ? 'less' : 'more'} than ${range}`));
}

function tools(q, by) {
  const query = new URLSearchParams(pairs({ ...grouped(by), from: q.from, to: q.to, interval: q.interval, tz: q.zone, event_type: q.types }));
  return h('div', { class: 'tools' },
    button('Export CSV', async () => {
      const response = await request(`metrics?${query}&format=csv`);
      save(await response.blob(), `metrics-${q.from}-${q.to}.csv`);
    }),
    button('Copy as curl', () => copy(curl(`metrics?${query}`))));
}

const legend = (q, model) => h('ul', { class: 'legend' }, model.series.map((s, i) => h('li', null, swatch(i),
  s.rest || model.by ? s.name : h('a', { href: changed({ type: s.name }), title: `Only ${s.name}` }, s.name))),
model.open >= 0 ? h('li', { class: 'quiet' }, h('span', { class: 'swatch hatch', 'aria-hidden': 'true' }), 'In progress') : null);

function figure(q, model) {
  const box = h('div', null);
  // In the next frame the box is on the page and has a width.
  requestAnimationFrame(() => {
    if (!box.isConnected) return;
    stack(box, {
      names: model.names, series: model.series, open: model.open,
      pick: (i, name) => pick(q, model.axis[i].date, !model.by && model.series.some((s) => s.name === name && !s.rest) ? name : ''),
    });
  });
  return box;
}

/** Follows a click on a bar: zooms in, or shows the files behind a day. */
function pick(q, date, type) {
  const days = daysOf(date, q.interval, q);
  if (days.from !== days.to) return go(changed({ range: 'custom', ...days, interval: 'day' }));
  if (q.zone !== 'UTC') {
    return toast('Files are listed by UTC day only.', h('a', { href: changed({ tz: 'UTC', range: 'custom', from: q.from, to: q.to }) }, 'Show this range in UTC'));
  }
  go(changed({ day: days.from, of: type }), { quiet: true });
  open(days.from, type);
}

function open(date, of) {
  explain(date, of, () => { if (params().has('day')) go(changed({ day: null, of: null }), { replace: true, quiet: true }); });
}

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** The data of the chart as a table, built when it is opened. */
function dataTable(q, model) {
  const body = h('div', { class: 'scroll' });
  const fill = () => {
    if (body.firstChild) return;
    body.append(h('table', { class: 'data' },
      tableHead(capital(q.interval), ...model.series.map((s) => [s.name, 'num']), ['Total', 'num']),
      h('tbody', null, model.axis.map((b, i) => h('tr', null,
        h('th', { scope: 'row' }, h('button', { type: 'button', class: 'link', onclick: () => pick(q, b.date, '') }, model.names[i].full), i === model.open ? ' (in progress)' : '',
          b.finality === 'sealed' ? h('span', { title: 'Sealed: the raw events were purged' }, ' 🔒') : null),
        model.series.map((s) => h('td', { class: 'num' }, number(s.values[i]))),
        h('td', { class: 'num' }, number(b.count)))))));
  };
  const details = h('details', { class: 'table', ontoggle: () => { if (details.open) fill(); } }, h('summary', null, 'Show as table'), body);
  return details;
}

function typesTable(q, model, found) {
  const shown = params().has('all') ? model.types : model.types.slice(0, 12);
  return h('section', { class: 'card' }, h('h2', null, model.by || 'Event types'),
    h('div', { class: 'scroll' }, h('table', { class: 'types' },
      tableHead(model.by ? 'Value' : 'Type', 'Trend', ['Events', 'num'], ['Share', 'num'], ['Change', 'num']),
      h('tbody', null, shown.map((t) => h('tr', null,
        h('th', { scope: 'row' }, model.by ? h('span', { class: 'name', title: t.name }, t.name) : h('a', { class: 'name', href: changed({ type: t.name }), title: t.name }, t.name)),
        h('td', null, spark(t.values)),
        h('td', { class: 'num' }, number(t.count)),
        h('td', { class: 'num' }, percent(t.count / model.sum)),
        h('td', { class: 'num' }, change(t.count, t.before, spanOf(found.previous)))))))),
    shown.length < model.types.length ? h('a', { href: changed({ all: '1' }) }, `Show all ${number(model.types.length)}`) : null);
}

/** Shows that there are batches, but no events in this range. */
async function nothing(q, signal) {
  const [counted, { data }] = await Promise.all([get('batches?limit=1&status=completed', signal), get('batches?limit=1&status=uploaded', signal)]);
  const months = counted.data.length ? await metrics({ interval: 'month', group: 'none' }, signal) : [];
  const last = months.at(-1)?.date;
  const month = last && period(last, 'month').full;
  return h('section', { class: 'card empty' }, h('h2', null, 'No events in this range'),
    h('p', null, `${span(q.from, q.to)}, ${q.zone}${q.types.length ? `, only ${q.types.join(', ')}` : ''}`),
    last ? [h('p', null, `The latest events are from ${month}.`),
      h('p', null, h('a', { class: 'primary', href: changed({ range: 'custom', from: last, to: lastOfMonth(last), interval: null, type: null }) }, `Show ${month}`))] : null,
    data.length ? h('p', null, 'Some batches have not been processed yet. ', h('a', { href: '?view=batches&status=uploaded' }, 'Show them')) : null);
}

/** The state of the latest batches, to see whether it has changed. */
const latest = async (signal) => JSON.stringify((await get('batches?limit=20', signal)).data);

/** Offers to refresh the page when the data has changed. */
function watch(before, signal) {
  const offer = () => toast('New data is available.', button('Refresh', () => dispatchEvent(new Event('navigate'))));
  const reset = async () => { if (await latest(signal) !== before) offer(); };
  follow({ batch: (b) => { if (b.status === 'completed') offer(); }, deleted: offer, reset: () => reset().catch(() => {}) }, signal);
}
