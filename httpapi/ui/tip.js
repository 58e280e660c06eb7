// What a bar of the chart consists of: follows the pointer, or stays after a click.
import { h } from './dom.js';
import { delta } from './delta.js';
import { number } from './format.js';
import { swatch } from './swatch.js';

/** Returns the box beside the bars of a chart; home gets the focus back from it. */
export function tooltip(home, model) {
  const node = h('div', { class: 'tip', hidden: true, tabindex: -1 });
  let shown = -1;
  let pinned = false;
  let hidden = null;

  const hide = () => {
    const inside = node.contains(document.activeElement);
    node.hidden = true;
    node.classList.remove('pinned');
    node.removeAttribute('role');
    node.removeAttribute('aria-label');
    document.removeEventListener('pointerdown', outside);
    document.removeEventListener('keydown', escape);
    [shown, pinned] = [-1, false];
    if (inside) home.focus();
    hidden?.();
  };
  const outside = (e) => { if (!node.contains(e.target)) hide(); };
  const escape = (e) => { if (e.key === 'Escape') hide(); };

  const put = (m, i, x, width, children) => {
    node.replaceChildren(...children);
    node.hidden = false;
    shown = i;
    const right = x > width / 2;
    node.style.left = right ? 'auto' : `${x + 14}px`;
    node.style.right = right ? `${width - x + 14}px` : 'auto';
  };
  return {
    node, hide,
    at: () => shown,
    pinned: () => pinned,
    onhide: (act) => { hidden = act; },
    show: (m, i, x, width) => { if (!pinned) put(m, i, x, width, content(m, i, null)); },
    /** Shows the box with its actions until it is closed; name is the series that was clicked. */
    pin(m, i, x, width, name, focus) {
      hide();
      pinned = true;
      node.classList.add('pinned');
      node.setAttribute('role', 'dialog');
      node.setAttribute('aria-label', m.names[i]);
      const from = i * m.size;
      const act = (run) => () => { hide(); run(); };
      const actions = model.actions(from, Math.min(from + m.size, model.names.length) - 1, name)
        .map(([label, run]) => h('button', { type: 'button', onclick: act(run) }, label));
      put(m, i, x, width, [...content(m, i, model.filter), h('div', { class: 'row' }, actions, h('button', { type: 'button', class: 'quiet', 'aria-label': 'Close', onclick: hide }, '✕'))]);
      document.addEventListener('pointerdown', outside);
      document.addEventListener('keydown', escape);
      if (focus) node.focus(); // its name is read; Tab leads to the actions
    },
  };
}

/** The numbers of bar i; filter makes the names links. */
function content(m, i, filter) {
  const total = m.series.reduce((sum, s) => sum + s.values[i], 0);
  const rows = m.series.filter((s) => s.values[i] > 0).reverse();
  const name = (s) => {
    const href = filter?.(s);
    return href ? h('a', { class: 'name', href, title: `Only ${s.name}` }, s.name) : h('span', { class: 'name', title: s.name }, s.name);
  };
  const sum = m.previous && delta(total, m.previous.values[i]);
  return [
    h('strong', null, m.names[i], i === m.open ? ' (in progress)' : ''),
    ...rows.map((s) => h('span', { class: 'tiprow' }, swatch(s.colour), name(s), h('b', null, number(s.values[i])))),
    h('span', { class: 'tiprow sum' }, h('span', { class: 'name' }, 'Total'), h('b', null, number(total))),
    ...(m.previous ? [h('span', { class: 'tiprow' }, h('span', { class: 'swatch line', 'aria-hidden': 'true' }), h('span', { class: 'name' }, m.previous.names[i]), h('b', null, number(m.previous.values[i]))),
      h('span', { class: 'tiprow' }, h('span', { class: 'name quiet' }, 'Change'), h('b', { class: sum.kind }, sum.text))] : []),
  ];
}
