// The findings of the server's audits.
import { h, put, button, tableHead } from './dom.js';
import { get, report, send } from './api.js';
import { age, day, moment, number, plural, shortID } from './format.js';
import { linkTo } from './nav.js';

const causes = {
  missing_in_ledger: 'missing from the ledger', extra_in_ledger: 'only in the ledger', different_count: 'different count',
  different_times: 'different times', subjects_only: 'different subjects',
};

/** Returns the section that shows them. */
export async function integrity(signal) {
  const body = h('div', null);
  const show = (all) => put(body, facts(all), findings(all));
  const audit = async () => {
    try {
      show(await send('POST', 'admin/integrity'));
    } catch (err) {
      report(err);
    }
  };
  show(await get('admin/integrity', signal));
  return h('section', { class: 'card integrity' }, h('header', null, h('h2', null, 'Integrity'), button('Run audit now', audit, { 'data-needs': 'change' })), body);
}

function facts(all) {
  const { last_round: last, batch_pass: pass } = all;
  const round = last && `Last audit ${moment(last.started_at)}: ${plural(last.batch_count, 'batch', 'batches')}, ${plural(last.day_count, 'day')}.`;
  const passes = pass.complete_count > 0
    ? `All batches have been checked ${pass.complete_count === 1 ? 'once' : `${number(pass.complete_count)} times`}, most recently ${moment(pass.completed_at)}.`
    : last && `${plural(pass.seen_count, 'batch', 'batches')} checked so far in this pass.`;
  return [
    h('p', { class: all.ok ? '' : 'bad' }, all.ok ? 'No known problems.' : all.damages.length > 0 ? 'Stored data is damaged.' : 'The ledger, the daily sums and the raw events do not match.'),
    h('p', { class: 'quiet' }, round ?? 'No audit has run yet.', ' ', passes ?? '', ' ',
      all.interval_seconds > 0 ? `Audits run every ${age(all.interval_seconds)}.` : 'Audits run only on request.',
      all.ledger_checked ? '' : ' This store cannot list its ledger, so only daily sums are checked.'),
  ];
}

function findings(all) {
  const rows = [
    ...all.drifts.map((d) => [batch(d.batch_id), causes[d.cause] ?? d.cause, `${number(d.ledger_count)} in the ledger, ${plural(d.event_count, 'event')}`]),
    ...all.unreadable.map((u) => [batch(u.batch_id), 'unreadable', u.error]),
    ...all.damages.map((d) => [d.batch_id ? batch(d.batch_id) : '–', `damaged: ${d.part}`, d.error]),
    ...all.wrong_days.map((d) => [day(d.date), d.error ? 'unreadable' : 'wrong daily sum', d.error ?? `${number(d.ledger_count)} in the ledger, ${number(d.sum_count)} in the daily sum`]),
  ];
  if (rows.length === 0) return null;
  return [
    h('table', { class: 'cardish' },
      tableHead('Batch or day', 'Problem', 'Counts'),
      h('tbody', null, rows.map(([where, finding, counts]) => h('tr', null,
        h('td', { 'data-label': 'Batch or day' }, where), h('td', { 'data-label': 'Problem' }, finding), h('td', { 'data-label': 'Counts' }, counts))))),
    all.truncated ? h('p', { class: 'quiet' }, 'More problems are not shown.') : null,
    h('p', { class: 'quiet' }, 'Reprocessing fixes what it can. For the rest, see the operations manual.'),
  ];
}

const batch = (id) => h('a', linkTo({ view: 'batch', id }), shortID(id));
