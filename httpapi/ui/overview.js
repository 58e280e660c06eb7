// The overview: the events of a range by period, hour and type.
import { h, put, button, copy, save, toast } from './dom.js';
import { curl, get, metrics, Problem, request, series } from './api.js';
import { period, span } from './format.js';
import { changed, go, pairs, params } from './nav.js';
import { daysOf, isDate, lastOfMonth, readQuery, wholeDays } from './range.js';
import { arrange } from './model.js';
import { choice, keepChoice } from './kept.js';
import { cards } from './cards.js';
import { dataTable, legend } from './figures.js';
import { filterable, filters, only, unattributed } from './filter.js';
import { stack } from './chart.js';
import { heatmap } from './heatmap.js';
import { follow } from './live.js';
import { toolbar } from './toolbar.js';
import { typesTable } from './types.js';

const few = 12; // types whose values by period are asked for at first
const longest = 400; // days that are asked for by hour

export async function overview(root, { signal }) {
  const q = await question(signal);
  const [before, found] = await Promise.all([latest(signal), read(q, signal)]);
  if (found.axis.every((b) => b.count === 0)) {
    const { data } = await get('batches?limit=1', signal);
    if (data.length === 0) return (await import('./welcome.js')).welcome(root, signal);
  }
  const above = [h('h1', { class: 'vh' }, 'Overview'), toolbar(q, found), unattributed(q, found.unattributed)];
  if (found.sum === 0) put(root, above, await nothing(q, signal));
  else put(root, above, page(q, found, signal));
  if (isDate(params().get('day'))) open(q, params().get('day'), hourOf(params().get('hour')), params().get('of') ?? '');
  watch(before, signal);
  return undefined;
}

/** What the address asks for. */
async function question(signal) {
  keepChoice(params());
  const kept = choice();
  const q = readQuery(params(), { kept });
  if (q.range !== 'all') return q;
  const { data } = await series(pairs({ tz: q.zone, interval: 'all', group: 'none', from: '', to: q.now }).filter(([, v]) => v), signal);
  return readQuery(params(), { kept, began: data[0]?.date });
}

/** Parameters that ask for the values of a dimension instead of event types. */
const grouped = (by) => (by ? { group: 'none', group_by: by } : {});

const beside = (q) => (q.against ? { compare: q.against, ...(q.open ? { so_far: 'true' } : {}) } : {});

const asker = (q, signal) => (more) => series(pairs({ tz: q.zone, from: q.from, to: q.to, ...filters(q), ...more }), signal);

/** Asks for the sums first, and for their parts only if there are events. */
async function read(q, signal) {
  const ask = asker(q, signal);
  const [sums, schema] = await Promise.all([
    ask({ ...beside(q), interval: q.interval, group: 'none', fill: 'zero', finality: 'true' }),
    get('schema', signal),
  ]);
  const by = schema.dimensions.includes(q.by) ? q.by : '';
  const found = {
    sum: sums.data.reduce((sum, b) => sum + b.count, 0), previous: sums.previous, axis: sums.data, unattributed: sums.unattributed_count ?? 0,
    by, dimensions: schema.dimensions, subject: schema.columns.subject,
  };
  if (found.sum === 0) return found;
  // The table lists the types that the filter leaves out, too.
  const all = pairs({ tz: q.zone, from: q.from, to: q.to, ...filters(q, by), ...grouped(by), ...beside(q), interval: 'all', top: 1000, ...(by ? {} : { other: 'true' }) });
  const parts = Promise.all([ask({ ...grouped(by), interval: q.interval, top: few }), series(all, signal)]);
  found.later = later(q, signal);
  found.later.catch(() => {}); // the page reports it
  const [byType, totals] = await parts;
  return { ...found, byType: byType.data, totals: totals.data };
}

function page(q, found, signal) {
  const model = arrange(q, found);
  const numbers = cards(q, found);
  const hourly = h('div', null, h('p', { class: 'quiet' }, 'Loading …'));
  const types = typesTable(q, model, async () => {
    const { data } = await asker(q, signal)({ ...grouped(found.by), interval: q.interval, top: 1000 });
    model.setValues(data);
    return true;
  });
  found.later.then((more) => {
    numbers.fill(more);
    put(hourly, more.hours ? heatmap(more.hours) : h('p', { class: 'quiet' }, `Choose a range of at most ${longest} days to see this.`));
  }).catch((err) => { if (err.name !== 'AbortError') put(hourly, h('p', { class: 'bad' }, err.message)); });
  return [
    numbers.node,
    h('section', { class: 'card' }, h('header', null, h('h2', null, `Events by ${found.by || 'type'}`), tools(q, found.by)), legend(q, model, types.open), figure(q, model, types.open), dataTable(q, model, (i) => enter(q, model, i, i))),
    h('div', { class: 'pair' }, h('section', { class: 'card' }, h('h2', null, 'Activity by hour and weekday'), hourly), types.node),
  ];
}

/** What takes longest and the page does not wait for: the counts by hour and of distinct subjects. */
async function later(q, signal) {
  const ask = asker(q, signal);
  const why = q.zone !== 'UTC' ? 'UTC only' : q.where.length ? 'Not known by dimension' : '';
  const subjects = (more) => (why ? null : ask({ ...more, interval: 'all', group: 'none', fill: 'zero', uniques: 'true' }).then(({ data }) => data[0], (err) => {
    if (err instanceof Problem && err.status === 422) return null;
    throw err;
  }));
  const days = wholeDays(q);
  const [hours, distinct, ...both] = await Promise.all([
    q.days <= longest ? ask({ interval: 'hour', group: 'none' }) : null,
    subjects(q.open ? {} : beside(q)),
    ...(days ?? []).map(subjects),
  ]);
  const whole = days && { ...days[1], now: both[0]?.uniques ?? 0, before: both[1]?.uniques ?? 0 };
  return { hours: hours?.data, distinct, whole, why: why || 'Not known here' };
}

function tools(q, by) {
  const query = new URLSearchParams(pairs({ ...grouped(by), from: q.from, to: q.to, interval: q.interval, tz: q.zone, ...filters(q) }));
  return h('div', { class: 'tools' },
    button('Export CSV', async () => {
      const response = await request(`metrics?${query}&format=csv`);
      save(await response.blob(), `metrics-${q.from}-${q.to}.csv`);
    }),
    button('Copy as curl', () => copy(curl(`metrics?${query}`))));
}

function figure(q, model, others) {
  const box = h('div', null);
  // In the next frame the box is on the page and has a width.
  requestAnimationFrame(() => {
    if (!box.isConnected) return;
    stack(box, {
      ...model.chart,
      filter: (s) => (s.rest || !filterable(model.by, s.value) ? null : only(model.by, s.value)),
      actions: (i, j, name) => [
        ...actions(q, model, i, j, name),
        ...(name && model.chart.series.find((s) => s.name === name)?.rest ? [['Show the others', others]] : []),
      ],
    });
  });
  return box;
}

/** What can be done about the periods from i to j: zoom in, or see their files. */
function actions(q, model, i, j, name) {
  const from = daysOf(model.axis[i].date, q.interval, q).from;
  const { to } = daysOf(model.axis[j].date, q.interval, q);
  if (from !== to || i !== j) return [['Zoom in', () => enter(q, model, i, j)]];
  const type = model.chart.series.find((s) => s.name === name && !s.rest && !model.by)?.value ?? '';
  return [['Show files', () => enter(q, model, i, j, type)]];
}

/** Zooms in to periods of several days, or shows the files behind a day. */
function enter(q, model, i, j, type = '') {
  const from = daysOf(model.axis[i].date, q.interval, q).from;
  const { to } = daysOf(model.axis[j].date, q.interval, q);
  if (from !== to || i !== j) return go(changed({ range: 'custom', from, to, interval: from === to ? 'hour' : null }));
  if (q.interval === 'hour') {
    const start = new Date(model.axis[i].date).toISOString();
    return show(q, start.slice(0, 10), start.slice(11, 16), type);
  }
  if (q.zone !== 'UTC') {
    return toast('Files are listed by UTC day only.', h('a', { href: changed({ tz: 'UTC', range: 'custom', from: q.from, to: q.to }) }, 'Show this range in UTC'));
  }
  return show(q, from, null, type);
}

const hourOf = (text) => (/^([01]\d|2[0-3]):(00|15|30|45)$/.test(text ?? '') ? text : null);

function show(q, day, hour, of) {
  go(changed({ day, hour, of }), { quiet: true });
  open(q, day, hour, of);
}

async function open(q, date, hour, of) {
  const { explain } = await import('./explain.js');
  explain(date, hour, q.zone, of, () => { if (params().has('day')) go(changed({ day: null, hour: null, of: null }), { replace: true, quiet: true }); });
}

/** Shows that there are batches, but no events in this range. */
async function nothing(q, signal) {
  const [counted, { data }] = await Promise.all([get('batches?limit=1&status=completed', signal), get('batches?limit=1&status=uploaded', signal)]);
  const months = counted.data.length ? await metrics({ interval: 'month', group: 'none' }, signal) : [];
  const last = months.at(-1)?.date;
  const month = last && period(last, 'month');
  return h('section', { class: 'card empty' }, h('h2', null, 'No events in this range'),
    h('p', null, `${span(q.from, q.to)}, ${q.zone}${q.types.length || q.where.length ? ', with the filters above' : ''}`),
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
