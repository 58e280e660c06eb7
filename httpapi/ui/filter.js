// Which event types and values of dimensions are counted.
import { h, put, button, modal } from './dom.js';
import { series } from './api.js';
import { number, plural } from './format.js';
import { changed, go, pairs } from './nav.js';
import { problemBox } from './problem.js';

/** The parameter of the address that filters by a kind: '' for event types, or a dimension. */
export const parameter = (kind) => (kind ? `where.${kind}` : 'type');

/** The values of a kind that are chosen; none means all. */
export const chosen = (q, kind) => (kind ? q.where.find(([name]) => name === kind)?.[1] ?? [] : q.types);

/** The name of a value of a dimension for people. */
export const valueName = (value) => ({ '': '(empty)', __other__: '(other)', __unknown__: '(unknown)' }[value] ?? value);

/** Whether the server can filter by a value. */
export const filterable = (kind, value) => !kind || (value !== '__other__' && value !== '__unknown__');

/** The address with a value added to the filter, or removed from it. */
export function toggled(q, kind, value) {
  const now = chosen(q, kind);
  return changed({ [parameter(kind)]: now.includes(value) ? now.filter((v) => v !== value) : [...now, value] });
}

/** The address that counts only one value. */
export const only = (kind, value) => changed({ [parameter(kind)]: [value] });

/** What is asked of the server for the filters of q, without that of one kind. */
export function filters(q, except = null) {
  const asked = {};
  if (q.types.length && except !== '') asked.event_type = q.types;
  for (const [name, values] of q.where) if (name !== except) asked[`where.${name}`] = values;
  return asked;
}

/** The filters, each with a link that removes it. */
export function chips(q) {
  const all = [['', q.types], ...q.where].flatMap(([kind, values]) => values.map((value) => [kind, value]));
  if (all.length === 0) return null;
  const clear = Object.fromEntries([['type', null], ...q.where.map(([name]) => [parameter(name), null])]);
  return h('ul', { class: 'chips', 'aria-label': 'Filters' },
    all.map(([kind, value]) => h('li', null, h('a', { class: 'pill', href: toggled(q, kind, value), title: `Remove the filter ${kind || 'event type'}: ${valueName(value)}` },
      h('span', { class: 'quiet' }, `${kind || 'event type'}: `), h('span', { class: 'name' }, valueName(value)), h('span', { 'aria-hidden': 'true' }, ' ✕'), h('span', { class: 'vh' }, ' (remove)')))),
    all.length > 1 ? h('li', null, h('a', { href: changed(clear) }, 'Remove all')) : null);
}

/** Returns the button that opens the choice of values. */
export function filterButton(q, dimensions) {
  return button('Filter', () => choose(q, dimensions), { 'aria-haspopup': 'dialog' });
}

const most = 1000; // values in the list

/** Lets the user choose several values of a kind. */
async function choose(q, dimensions) {
  const kinds = ['', ...dimensions];
  const list = h('div', { class: 'values' });
  const search = h('input', { type: 'search', 'aria-label': 'Search values', placeholder: 'Search', oninput: () => show() });
  const kind = h('select', { 'aria-label': 'Filter by', onchange: () => load() }, kinds.map((k) => h('option', { value: k }, k || 'event type')));
  let all = [];
  const picked = new Map(kinds.map((k) => [k, new Set(chosen(q, k))]));
  const show = () => {
    const now = picked.get(kind.value);
    const found = all.filter(({ value }) => valueName(value).toLowerCase().includes(search.value.trim().toLowerCase()));
    put(list, found.length ? found.map(({ value, count }) => h('label', null,
      h('input', { type: 'checkbox', checked: now.has(value), onchange: (e) => now[e.target.checked ? 'add' : 'delete'](value) }),
      h('span', { class: 'name', title: valueName(value) }, valueName(value)), h('span', { class: 'num quiet' }, number(count)))) : h('p', { class: 'quiet' }, 'No value matches.'));
  };
  const load = async () => {
    const asked = kind.value;
    all = [];
    put(list, h('p', { class: 'quiet' }, 'Loading …'));
    try {
      const found = await values(q, asked, picked.get(asked));
      if (kind.value !== asked) return; // another kind was chosen meanwhile
      all = found;
      show();
    } catch (err) {
      if (kind.value === asked) put(list, problemBox(err));
    }
  };
  const apply = (e) => {
    e.preventDefault();
    box.close();
    go(changed(Object.fromEntries([...picked].map(([k, set]) => [parameter(k), [...set]]))));
  };
  const box = modal('Filter', [h('form', { onsubmit: apply }, h('div', { class: 'pick' }, kinds.length > 1 ? kind : null, search), list,
    h('p', { class: 'row' }, h('button', { class: 'primary' }, 'Apply'), h('span', { class: 'quiet' }, 'Without a choice, all values count.')))]);
  box.showModal();
  await load();
}

/** The values of a kind in the range, most frequent first, and those that are chosen. */
async function values(q, kind, picked) {
  const { data } = await series(pairs({
    tz: q.zone, from: q.from, to: q.to, interval: 'all', top: most, ...(kind ? { group: 'none', group_by: kind } : {}), ...filters(q, kind),
  }));
  const found = (data[0]?.metrics ?? []).map((m) => ({ value: kind ? m[kind] : m.event_type, count: m.count }))
    .filter(({ value }) => filterable(kind, value)).sort((a, b) => b.count - a.count);
  const missing = [...picked].filter((value) => !found.some((f) => f.value === value)).map((value) => ({ value, count: 0 }));
  return [...missing, ...found];
}

/** Says how many events the filters leave out because their value is unknown. */
export const unattributed = (q, n) => (n && q.where.length ? h('p', { class: 'quiet' }, `${plural(n, 'event is', 'events are')} not included: ${n === 1 ? 'its' : 'their'} ${q.where.map(([name]) => name).join(' or ')} is not known.`) : null);
