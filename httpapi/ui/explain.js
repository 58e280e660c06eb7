// The batches that a count consists of.
import { h, modal, put, tableHead } from './dom.js';
import { get, may, request, Problem } from './api.js';
import { day, number, plural, shortID } from './format.js';
import { problemBox } from './problem.js';
import { linkTo } from './nav.js';
import { addDays } from './range.js';

const shown = 50;

/** The end of an hour that begins at a time such as 18:30. */
const endOf = (hour) => `${String((Number(hour.slice(0, 2)) + 1) % 24).padStart(2, '0')}${hour.slice(2)}`;

/**
 * Shows the batches of a UTC day, or of the hour of a zone that begins at a time of
 * it, such as 18:30; of is the event type to open first, or ''.
 */
export async function explain(date, hour, zone, of, closed) {
  if (!may('batches')) return;
  const list = h('div', { class: 'explain' }, h('p', { class: 'quiet' }, 'Loading …'));
  const box = modal(`Files behind ${day(date)}${hour === null ? '' : `, ${hour} to ${endOf(hour)}`} (UTC)`, [list], closed);
  box.showModal();
  try {
    const { data } = await get(`metrics?${new URLSearchParams(hour === null ? { date } : { from: addDays(date, -1), to: addDays(date, 1), tz: zone, interval: 'hour' })}`).catch((err) => {
      if (err instanceof Problem && err.status === 404) return { data: [] };
      throw err;
    });
    const found = hour === null ? data[0] : data.find((d) => Date.parse(d.date) === Date.parse(`${date}T${hour}:00Z`));
    const types = (found?.metrics ?? []).sort((a, b) => b.count - a.count);
    put(list, types.length ? h('p', { class: 'quiet' }, 'Each count is the sum of the batches below it.') : h('p', null, hour === null ? 'No events on this day.' : 'No events in this hour.'),
      ...types.map((t) => section({ date, ...(hour === null ? {} : { hour }) }, t, t.event_type === of || types.length === 1)));
  } catch (err) {
    put(list, problemBox(err));
  }
}

function section(when, { event_type: type, count }, open) {
  const body = h('div', null);
  const details = h('details', { ontoggle: () => { if (details.open && !body.firstChild) fill(body, when, type, count); } },
    h('summary', null, h('span', { class: 'name' }, type), h('b', null, number(count))), body);
  details.open = open;
  return details;
}

async function fill(body, when, type, count) {
  body.append(h('p', { class: 'quiet' }, 'Loading …'));
  try {
    const answer = await (await request(`metrics/explain?${new URLSearchParams({ ...when, event_type: type })}`)).json();
    const batches = answer.batches.toSorted((a, b) => b.count - a.count);
    const rows = batches.slice(0, shown).map((b) => {
      const name = h('a', { ...linkTo({ view: 'batch', id: b.batch_id }) }, shortID(b.batch_id));
      get(`batches/${b.batch_id}`).then((found) => { if (found.file_name) name.textContent = found.file_name; }, () => {});
      return h('tr', null, h('td', null, name), h('td', { class: 'num' }, number(b.count)));
    });
    put(body, h('table', null,
      tableHead('Batch', ['Events', 'num']),
      h('tbody', null, rows),
      h('tfoot', null, h('tr', null, h('th', { scope: 'row' }, plural(batches.length, 'batch', 'batches')), h('td', { class: 'num' }, number(answer.count)))),
    ), batches.length > shown ? h('p', { class: 'quiet' }, `Only the ${shown} largest batches are shown.`) : null,
    answer.count !== count ? h('p', { class: 'quiet' }, 'The count has changed since the chart was drawn.') : null);
  } catch (err) {
    put(body, problemBox(err));
  }
}
