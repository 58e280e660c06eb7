// What is in a batch: its first rejected rows, its days and its event types.
import { h, tableHead } from './dom.js';
import { may } from './api.js';
import { number, plural } from './format.js';
import { linkTo } from './nav.js';

const few = 10; // rows that are shown at once

/** Returns the sections of a batch. Days and types of one that counts are links to the overview. */
export function contents(c, b) {
  const linked = b.status === 'completed' && may('counts');
  const link = (text, values) => (linked ? h('a', linkTo({ view: 'overview', tz: 'UTC', ...values }), text) : text);
  const all = c.day_count > c.days.length ? { range: 'all' } : { range: 'custom', from: c.days[0]?.date, to: c.days.at(-1)?.date };
  return [
    c.errors.length ? rejected(c, b) : null,
    h('div', { class: 'contents' },
      list('Days', c.days.map((d) => [link(d.date, { range: 'custom', from: d.date, to: d.date }), d.count]), 'Date (UTC)', c.day_count),
      list('Event types', c.types.map((t) => [link(t.event_type, { ...all, type: t.event_type }), t.count]), 'Event type', c.type_count)),
  ];
}

function rejected(c, b) {
  return h('section', { class: 'card' },
    h('h2', null, 'First rejected rows'),
    h('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'First rejected rows' }, h('table', { class: 'reasons' },
      tableHead(['Row', 'num'], ['Line', 'num'], 'Column', 'Reason', 'Value'),
      h('tbody', null, c.errors.map((e) => h('tr', null,
        h('td', { class: 'num' }, number(e.row)), h('td', { class: 'num' }, number(e.line)), h('td', null, e.column || '–'), h('td', null, e.error_reason),
        h('td', null, e.value === '' ? h('span', { class: 'quiet' }, 'empty') : h('code', { class: 'clip' }, e.value))))))),
    c.errors_truncated ? h('p', { class: 'quiet' }, `All ${number(b.failed_count)} are in the file of rejected rows.`) : null);
}

/** A section with names and their counts; many are folded. */
function list(title, rows, column, total) {
  if (!total) return null;
  const table = (some) => h('table', null, tableHead(column, ['Events', 'num']),
    h('tbody', null, some.map(([name, count]) => h('tr', null, h('td', { class: 'name' }, name), h('td', { class: 'num' }, number(count))))));
  return h('section', { class: 'card' },
    h('h2', null, title, ' ', h('span', { class: 'count' }, number(total))),
    table(rows.slice(0, few)),
    rows.length > few ? h('details', null, h('summary', null, plural(rows.length - few, 'more row')), table(rows.slice(few))) : null,
    total > rows.length ? h('p', { class: 'quiet' }, `The other ${number(total - rows.length)} are not shown.`) : null);
}
