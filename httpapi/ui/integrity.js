// What the audits of the server have found.
import { h, put, button } from './dom.js';
import { get, send, tell } from './api.js';
import { age, day, moment, number, plural, shortID } from './format.js';
import { linkTo } from './nav.js';

const causes = {
  missing_in_ledger: 'missing in the ledger', extra_in_ledger: 'only in the ledger', different_count: 'another count',
  different_times: 'other times', subjects_only: 'other subjects',
};

/** Returns a section that shows them. */
export async function integrity(signal) {
  const body = h('div', null);
  const show = (all) => put(body, facts(all), findings(all));
  const look = async () => {
    try {
      show(await send('POST', 'admin/integrity'));
    } catch (err) {
      tell(err);
    }
  };
  show(await get('admin/integrity', signal));
  return h('section', { class: 'card integrity' }, h('header', null, h('h2', null, 'Integrity'), button('Look now', look)), body);
}

function facts(all) {
  const { last_round: last, batch_pass: pass } = all;
  const seen = last && `The last look, ${moment(last.started_at)}, was at ${plural(last.batch_count, 'batch', 'batches')} and ${plural(last.day_count, 'day')}.`;
  const around = pass.complete_count > 0
    ? `All batches were looked at ${pass.complete_count === 1 ? 'once' : `${number(pass.complete_count)} times`}, last ${moment(pass.completed_at)}.`
    : last && `So far ${plural(pass.seen_count, 'batch', 'batches')} of this pass.`;
  return [
    h('p', { class: all.ok ? '' : 'bad' }, all.ok ? 'Nothing is known to be wrong.' : 'The ledger, its sums and the events do not agree.'),
    h('p', { class: 'quiet' }, seen ?? 'This server has not looked yet.', ' ', around ?? '', ' ',
      all.interval_seconds > 0 ? `It looks every ${age(all.interval_seconds)}.` : 'It looks only when it is told to.',
      all.ledger_checked ? '' : ' Its store cannot show the ledger, so only days are looked at.'),
  ];
}

function findings(all) {
  const rows = [
    ...all.drifts.map((d) => [batch(d.batch_id), causes[d.cause] ?? d.cause, `${number(d.ledger_count)} in the ledger, ${plural(d.event_count, 'event')}`]),
    ...all.unreadable.map((u) => [batch(u.batch_id), 'cannot be read', u.error]),
    ...all.wrong_days.map((d) => [day(d.date), d.error ? 'cannot be read' : 'a wrong sum', d.error ?? `${number(d.ledger_count)} in the ledger, ${number(d.sum_count)} in answers`]),
  ];
  if (rows.length === 0) return null;
  return [
    h('table', { class: 'cardish' },
      h('thead', null, h('tr', null, ['What', 'Finding', 'Numbers'].map((t) => h('th', { scope: 'col' }, t)))),
      h('tbody', null, rows.map(([what, finding, numbers]) => h('tr', null,
        h('td', { 'data-label': 'What' }, what), h('td', { 'data-label': 'Finding' }, finding), h('td', { 'data-label': 'Numbers' }, numbers))))),
    all.truncated ? h('p', { class: 'quiet' }, 'There are more.') : null,
    h('p', { class: 'quiet' }, 'A reprocess puts right what it can; the manual of operations says what to do about the rest.'),
  ];
}

const batch = (id) => h('a', linkTo({ view: 'batch', id }), shortID(id));
