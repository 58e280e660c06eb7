// The table of event types or values: sorted, searched, and with the others.
import { h, put, button, keepFocus } from './dom.js';
import { delta, growth } from './delta.js';
import { number, plural, share } from './format.js';
import { go } from './nav.js';
import { chosen, filterable, toggled } from './filter.js';
import { spark } from './spark.js';
import { swatch } from './swatch.js';

const few = 12; // rows without the others

const columns = [
  { key: 'name', title: (model) => (model.by ? 'Value' : 'Type'), of: (t) => t.name, ascends: true },
  { key: 'trend', title: () => 'Trend' },
  { key: 'count', title: () => 'Events', of: (t) => t.count, kind: 'num' },
  { key: 'share', title: () => 'Share', of: (t) => t.count, kind: 'num' },
  { key: 'change', title: () => 'Change', of: (t) => growth(t.count, t.before), kind: 'num', compares: true },
];

/** Rows sorted by a column, then by count and name. */
export function sorted(rows, key, ascending) {
  const { of } = columns.find((c) => c.key === key);
  const sign = ascending ? 1 : -1;
  const order = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
  return rows.toSorted((a, b) => sign * order(of(a), of(b)) || b.count - a.count || order(a.name, b.name));
}

/** Rows whose name contains a text, in upper or lower case. */
export const matching = (rows, text) => rows.filter((t) => t.name.toLowerCase().includes(text.trim().toLowerCase()));

/**
 * Returns the card with the table, and open, which shows all rows. trends returns
 * the values by period of the rows that have none yet.
 */
export function typesTable(q, model, trends) {
  const state = { key: 'count', ascending: false, all: model.types.length <= few, text: '' };
  const shown = columns.filter((c) => !c.compares || q.against);
  const now = chosen(q, model.by);
  const body = h('tbody', null);
  const head = h('thead', null);
  const foot = h('div', { class: 'row' });
  const search = h('input', { type: 'search', placeholder: 'Search', 'aria-label': `Search ${model.by || 'event types'}`, oninput: () => { state.text = search.value; draw(); } });
  const title = (c) => {
    const is = state.key === c.key;
    const text = c.title(model);
    const sort = () => { state.ascending = is ? !state.ascending : Boolean(c.ascends); state.key = c.key; draw(); };
    return h('th', { scope: 'col', class: `${c.key} ${c.kind ?? ''}`, 'aria-sort': is ? (state.ascending ? 'ascending' : 'descending') : null },
      c.of ? h('button', { type: 'button', class: 'sort', onclick: sort }, text, h('span', { 'aria-hidden': 'true' }, is ? (state.ascending ? ' ▲' : ' ▼') : '')) : text);
  };
  const row = (t) => {
    const on = now.includes(t.value);
    const change = delta(t.count, t.before);
    const box = filterable(model.by, t.value)
      ? h('input', { type: 'checkbox', checked: on, 'aria-label': `Filter by ${t.name}`, onchange: () => go(toggled(q, model.by, t.value)) }) : h('span', { class: 'nobox' });
    return h('tr', { class: now.length && !on ? 'off' : null },
      h('th', { scope: 'row', class: 'name' }, h('div', { class: 'named' }, box, t.colour === undefined ? null : swatch(t.colour),
        filterable(model.by, t.value) ? h('a', { class: 'cut', href: toggled(q, model.by, t.value), title: t.name }, t.name) : h('span', { class: 'cut', title: t.name }, t.name))),
      h('td', { class: 'trend' }, t.values ? spark(t.values, 96) : null),
      h('td', { class: 'num' }, number(t.count)),
      h('td', { class: 'num share' }, share(t.count / Math.max(1, model.all))),
      q.against ? h('td', { class: `num ${change.kind}` }, change.text, h('span', { class: 'vh' }, change.spoken ? ` ${change.spoken} before` : '')) : null);
  };
  const draw = () => keepFocus(() => {
    const rows = sorted(matching(model.types, state.text), state.key, state.ascending);
    const some = state.all || state.text ? rows : rows.slice(0, few);
    put(head, h('tr', null, shown.map(title)));
    put(body, some.length ? some.map(row) : h('tr', null, h('td', { colspan: shown.length, class: 'quiet' }, 'Nothing matches.')));
    put(foot, some.length < rows.length ? button(`Show all ${number(rows.length)}`, open) : null,
      model.more ? h('span', { class: 'quiet' }, `${plural(model.more, 'event')} of rarer ones are not listed.`) : null);
  });
  const open = async () => {
    state.all = true;
    draw();
    if (await trends()) draw();
  };
  draw();
  const node = h('section', { class: 'card', id: 'types' },
    h('header', null, h('h2', null, model.by || 'Event types'), model.types.length > few ? search : null),
    h('table', { class: 'types' }, head, body), foot);
  return {
    node,
    open: async () => {
      node.scrollIntoView({ block: 'start' });
      search.focus({ preventScroll: true });
      await open();
    },
  };
}
