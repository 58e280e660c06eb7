// The choices of the overview, in one line.
import { h, toast } from './dom.js';
import { span } from './format.js';
import { changed, go } from './nav.js';
import { comparisons, intervals, ranges, step, zones } from './range.js';
import { chips, filterButton } from './filter.js';
import { menu } from './menu.js';

/** Returns the toolbar and, if there are filters, the line that names them. */
export function toolbar(q, { by, dimensions }) {
  return [
    h('div', { class: 'controls', role: 'group', 'aria-label': 'What is shown' },
      h('div', { class: 'joined' }, arrow(q, -1, '←', 'Earlier'), dateMenu(q), arrow(q, 1, '→', 'Later')),
      choice('Per', intervals(q.days), q.interval, 'interval'),
      choice('Compare to', Object.keys(comparisons), q.compare, 'compare', comparisons),
      dimensions.length ? choice('Group by', ['', ...dimensions], by, 'group', { '': 'event type' }) : null,
      filterButton(q, dimensions),
      choice('Time zone', zones(q.zone), q.zone, 'tz', {}, 'vh')),
    chips(q),
  ];
}

function arrow(q, by, sign, label) {
  const to = step(q, by);
  const move = () => { if (to) go(changed(to)); };
  return h('button', { type: 'button', 'aria-label': label, title: label, 'aria-disabled': to ? null : 'true', onclick: move }, sign);
}

function dateMenu(q) {
  const date = (name, label) => h('label', null, label, h('input', { type: 'date', name, value: q[name], required: true }));
  const pick = (e) => {
    e.preventDefault();
    const form = new FormData(e.currentTarget);
    if (form.get('from') > form.get('to')) return toast('The start date is after the end date.');
    return go(changed({ range: 'custom', from: form.get('from'), to: form.get('to'), interval: null }));
  };
  const name = ranges[q.range] ?? 'Custom';
  return menu([h('b', null, name), h('span', { class: 'quiet' }, ` ${span(q.from, q.to)}`)], [
    h('ul', null, Object.entries(ranges).map(([key, label]) => h('li', null,
      h('a', { href: changed({ range: key, from: null, to: null, interval: null }), 'aria-current': q.range === key ? 'true' : null }, label)))),
    h('form', { onsubmit: pick }, date('from', 'Start date'), date('to', 'End date'), h('button', null, 'Apply')),
  ], { class: 'date', 'aria-label': `Date range: ${name}, ${span(q.from, q.to)}` });
}

const choice = (label, values, now, name, texts = {}, look = null) => h('label', { class: 'choice' }, h('span', { class: look }, label),
  h('select', { name: `choose-${name}`, onchange: (e) => go(changed({ [name]: e.target.value || null })) },
    values.map((v) => h('option', { value: v, selected: v === now }, texts[v] ?? v))));
