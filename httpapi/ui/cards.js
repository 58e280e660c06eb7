// The numbers at the top of the overview.
import { h, put } from './dom.js';
import { delta } from './delta.js';
import { average, number, period, span } from './format.js';

const note = (now, before, q, range) => {
  if (!q.against) return null;
  if (!before) return now ? h('span', { class: 'quiet', title: `Compared to ${range}` }, 'No earlier data') : null;
  const d = delta(now, before);
  return h('span', { class: d.kind, title: `Compared to ${range}` }, d.text, h('span', { class: 'vh' }, ` ${d.spoken} ${range}`));
};

const card = (title, value, below, hint) => h('section', { class: 'card stat', title: hint },
  h('h2', null, title), h('p', { class: 'value' }, value), h('p', { class: 'note' }, below));

/**
 * Returns the cards, and fill, which completes them with the counts by hour and of
 * distinct subjects.
 */
export function cards(q, { sum, previous, subject }) {
  const range = previous && `${span(previous.from, previous.to)}${q.open ? ', the same part of it' : ''}`;
  const [people, busiest] = [h('div', null), h('div', null)];
  put(people, card(`Distinct ${subject}`, '…'));
  put(busiest, card('Busiest hour', '…'));
  const single = q.days === 1;
  const units = Math.max(q.passed * (single ? 24 : 1), 1 / 96);
  const node = h('div', { class: 'cards' },
    card('Events', number(sum), note(sum, previous?.count, q, range)),
    people,
    card(single ? 'Hourly average' : 'Daily average', average(sum / units), q.open ? h('span', { class: 'sub' }, 'Up to now') : null),
    busiest);
  const compared = (distinct, whole) => {
    if (!q.open || !q.against) return note(distinct.uniques, distinct.previous_uniques, q, range);
    if (!whole) return h('span', { class: 'sub' }, 'Compared from the second day on');
    return [note(whole.now, whole.before, q, `${span(whole.from, whole.to)}, without today`), whole.before ? h('span', { class: 'sub' }, ' without today') : null];
  };
  const fill = ({ hours, distinct, whole, why }) => {
    put(people, distinct ? card(`Distinct ${subject}`, `≈ ${number(distinct.uniques)}`, compared(distinct, whole), 'An estimate with a standard error of 1.6%')
      : card(`Distinct ${subject}`, '–', h('span', { class: 'sub' }, why)));
    const top = hours?.reduce((a, b) => (b.count > (a?.count ?? 0) ? b : a), null);
    put(busiest, top ? card('Busiest hour', number(top.count), h('span', { class: 'sub' }, period(top.date, 'hour'))) : card('Busiest hour', '–', h('span', { class: 'sub' }, hours ? null : 'Up to 400 days')));
  };
  return { node, fill };
}
