// The result of a dry run.
import { h, tableHead } from './dom.js';
import { day, number, percent, plural } from './format.js';
import { linkTo } from './nav.js';
import { reasonTable } from './reasons.js';
import { readingLine, warningList } from './reading.js';
import { encodingOffer, zoneOffer } from './receipt.js';

const cell = (n, sign = '') => h('td', { class: 'num' }, sign + number(n));

/** Shows the answer to a dry run; again uploads the file with changed options. */
export function preview(file, answer, options, again) {
  const all = answer.inserted_count + answer.failed_count + answer.duplicate_count;
  const { duplicate_of: known } = answer;
  const left = answer.change_count - answer.changes.length;
  return h('section', { class: 'card preview', 'aria-live': 'polite' },
    h('h2', null, known ? 'This file was already uploaded' : `${plural(answer.inserted_count, 'event')} would be stored`),
    known ? h('p', null, 'It has the same content as ', h('a', linkTo({ view: 'batch', id: known }), 'an earlier batch'), '.') : null,
    h('p', { class: 'quiet' }, `${file.name} · This was a dry run. Nothing was stored.`),
    readingLine(answer.read_as),
    answer.failed_count ? [
      h('h3', null, `${plural(answer.failed_count, 'row')} would be rejected (${percent(answer.failed_count / all)})`),
      reasonTable(answer.error_groups),
      answer.error_groups_truncated ? h('p', { class: 'quiet' }, 'More reasons are not shown.') : null] : h('p', null, answer.duplicate_count ? 'No rows would be rejected.' : 'All rows would be accepted.'),
    answer.duplicate_count ? h('p', null, `${plural(answer.duplicate_count, 'row')} would be skipped: already uploaded.`) : null,
    warningList(answer.warnings),
    encodingOffer(answer.read_as, (name) => `Check again as ${name}`, (encoding) => again({ encoding })),
    zoneOffer(answer, options, 'would be read', (zone) => `Check again with ${zone}`, (zone) => again({ zone })),
    h('h3', null, 'What would change'),
    answer.changes.length === 0 ? h('p', null, 'Nothing would change.') : changes(answer.changes),
    left ? h('p', { class: 'quiet' }, `${plural(left, 'more change is', 'more changes are')} not shown.`) : null,
    h('p', { class: 'row' }, h('button', { type: 'button', class: 'primary', onclick: () => again({ dryRun: false }) }, 'Upload this file')));
}

function changes(all) {
  return h('div', { class: 'scroll' }, h('table', null,
    tableHead('Day (UTC)', 'Event type', ['Before', 'num'], ['Change', 'num'], ['After', 'num']),
    h('tbody', null, all.map((c) => h('tr', null,
      h('td', null, day(c.date)), h('td', { class: 'name' }, c.event_type), cell(c.before), cell(c.difference, '+'), cell(c.after))))));
}
