import { h } from './dom.js';
import { number } from './format.js';
import { weekday } from './range.js';

const names = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];

/** Sums the hours of an answer by weekday and hour of the day. */
export function byWeekday(hours) {
  const sums = names.map(() => new Array(24).fill(0));
  for (const { date, count } of hours) sums[weekday(date)][Number(date.slice(11, 13))] += count;
  return sums;
}

/** A table of 7 by 24 cells; the more events, the darker. */
export function heatmap(hours) {
  const sums = byWeekday(hours);
  const top = Math.max(1, ...sums.flat());
  return h('table', { class: 'heat' },
    h('caption', { class: 'vh' }, 'Events by weekday and hour'),
    h('thead', null, h('tr', null, h('td', null), Array.from({ length: 24 }, (_, i) =>
      h('th', { scope: 'col' }, i % 6 === 0 ? String(i).padStart(2, '0') : h('span', { class: 'vh' }, i))))),
    h('tbody', null, sums.map((row, d) => h('tr', null, h('th', { scope: 'row' }, names[d]), row.map((n, i) => {
      const title = `${names[d]} ${String(i).padStart(2, '0')}:00 to ${String(i).padStart(2, '0')}:59: ${number(n)}`;
      const cell = h('td', { title }, h('span', { class: 'vh' }, number(n)));
      if (n > 0) cell.style.setProperty('--v', `${Math.round(12 + 88 * (n / top))}%`);
      return cell;
    })))));
}
