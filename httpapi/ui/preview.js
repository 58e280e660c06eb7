// What an upload would do, from a dry run.
import { h } from './dom.js';
import { day, number, percent, plural } from './format.js';
import { linkTo } from './nav.js';

const cell = (n, sign = '') => h('td', { class: 'num' }, sign + number(n));

function table(columns, rows) {
  return h('div', { class: 'scroll' }, h('table', null,
    h('thead', null, h('tr', null, columns.map(([name, numeric]) => h('th', { scope: 'col', class: numeric ? 'num' : null }, name)))),
    h('tbody', null, rows)));
}

/** The answer to a dry run; send uploads the file. */
export function preview(answer, send) {
  const all = answer.inserted_count + answer.failed_count + answer.duplicate_count;
  const { duplicate_of: known } = answer;
  const left = answer.change_count - answer.changes.length;
  return h('section', { class: 'card preview', 'aria-live': 'polite' },
    h('h2', null, known ? 'This file was uploaded before' : `${plural(answer.inserted_count, 'event')} would be stored`),
    known ? h('p', null, 'Its content is that of ', h('a', linkTo({ view: 'batch', id: known }), 'an earlier batch'), '.') : null,
    h('p', { class: 'quiet' }, 'Nothing was stored.'),
    answer.failed_count ? [
      h('h3', null, `${plural(answer.failed_count, 'row')} would be rejected (${percent(answer.failed_count / all)})`),
      reasons(answer)] : h('p', null, answer.duplicate_count ? 'No row would be rejected.' : 'Every row would be accepted.'),
    answer.duplicate_count ? h('p', null, `${plural(answer.duplicate_count, 'row')} would be left out: uploaded before.`) : null,
    h('h3', null, 'What would change'),
    answer.changes.length === 0 ? h('p', null, 'Nothing.') : table([['Day (UTC)'], ['Event type'], ['Before', true], ['Change', true], ['After', true]], answer.changes.map((c) => h('tr', null,
      h('td', null, day(c.date)), h('td', { class: 'name' }, c.event_type), cell(c.before), cell(c.difference, '+'), cell(c.after)))),
    left ? h('p', { class: 'quiet' }, `And ${plural(left, 'number')} more.`) : null,
    h('p', { class: 'row' }, h('button', { type: 'button', class: 'primary', onclick: send }, 'Upload it')));
}

function reasons({ error_groups: groups, error_groups_truncated: truncated }) {
  return [table([['Rows', true], ['Reason'], ['First'], ['Value']], groups.map((g) => h('tr', null,
    cell(g.count), h('td', null, g.sample.error_reason), h('td', null, `line ${number(g.sample.line)}`),
    h('td', null, g.sample.value === '' ? h('span', { class: 'quiet' }, 'empty') : h('code', null, g.sample.value))))),
  truncated ? h('p', { class: 'quiet' }, 'There are more reasons than these.') : null];
}
