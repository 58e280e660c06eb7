// The state of the queue, and its dead letters: the jobs that failed permanently.
import { h, keepFocus, put, button, modal, tableHead, toast } from './dom.js';
import { get, reachable, refused, report, send } from './api.js';
import { age, moment, number, plural } from './format.js';
import { linkTo } from './nav.js';
import { integrity } from './integrity.js';

const page = 1000;

export async function dead(root, { signal }) {
  const state = h('div', { class: 'cards' });
  const letters = h('div', null);
  const queue = (await get('admin/queues', signal)).data[0].queue;
  const at = `admin/queues/${encodeURIComponent(queue)}`;
  let deadNow = -1;
  const refresh = async () => {
    const s = await get(at, signal);
    put(state, facts(s));
    if (s.dead_count !== deadNow) {
      deadNow = s.dead_count;
      const now = await list(at, refresh, signal);
      keepFocus(() => put(letters, now));
    }
  };
  await refresh();
  put(root, h('h1', null, 'Queue and dead letters'), state, letters, await integrity(signal));
  (async () => {
    while (!signal.aborted) {
      await new Promise((resolve) => setTimeout(resolve, 3000));
      if (signal.aborted || document.hidden) continue;
      try {
        await refresh();
        reachable(true);
      } catch (err) {
        if (signal.aborted) return;
        if (refused(err)) return report(err);
        if (err.status === 0) reachable(false);
      }
    }
  })();
}

function facts(s) {
  const fact = (name, value, note) => h('section', { class: 'card stat' }, h('h2', null, name), h('p', { class: 'value' }, value), h('p', { class: 'note quiet' }, note));
  return [
    fact('Waiting', number(s.waiting_count), s.waiting_count ? `Oldest: ${age(s.oldest_waiting_seconds)}` : 'Queue is empty'),
    fact('Running', number(s.running_count), s.running_count ? 'In progress' : 'Idle'),
    fact('Scheduled or retrying', number(s.delayed_count), s.delayed_count ? 'Will run later' : 'Nothing scheduled'),
    fact('Dead letters', number(s.dead_count), s.dead_count ? 'Needs attention' : 'Nothing to do'),
  ];
}

async function list(at, refresh, signal) {
  const { jobs, failed_count: all } = await get(`${at}/dlq?limit=${page}`, signal);
  if (jobs.length === 0) {
    return h('section', { class: 'card empty' }, h('h2', null, 'No dead letters'), h('p', null, 'A job that fails on every attempt is kept here until you retry or discard it.'));
  }
  const groups = [...Map.groupBy(jobs, (j) => j.failedReason)].sort((a, b) => b[1].length - a[1].length);
  return [
    h('div', { class: 'row', 'data-needs': 'change' }, button(`Retry all ${number(all)}`, () => attempt(async () => {
      const { retried_count: n } = await send('POST', `${at}/dlq/retry`);
      toast(`${plural(n, 'job')} queued again.`);
    }, refresh), { class: 'primary' })),
    all > jobs.length ? h('p', { class: 'quiet' }, `Only the latest ${number(jobs.length)} of ${number(all)} are shown.`) : null,
    groups.map(([reason, of], i) => group(at, reason, of, refresh, i < 3)),
  ];
}

function group(at, reason, jobs, refresh, open) {
  const retry = (some) => attempt(async () => {
    for (const j of some) await send('POST', `${at}/dlq/${encodeURIComponent(j.id)}/retry`);
    toast(`${plural(some.length, 'job')} queued again.`);
  }, refresh);
  return h('details', { class: 'card', open },
    h('summary', null, h('span', { class: 'clip' }, reason || 'No reason given'), h('b', null, number(jobs.length))),
    reason.length > 160 ? h('p', { class: 'name quiet' }, reason) : null, // in full: the line above is clipped
    jobs.length > 1 ? h('p', { 'data-needs': 'change' }, button(`Retry these ${number(jobs.length)}`, () => retry(jobs))) : null,
    h('table', { class: 'cardish' },
      tableHead('Job', 'Attempts', 'Failed', h('span', { class: 'vh' }, 'Actions')),
      h('tbody', null, jobs.map((j) => h('tr', null,
        h('td', { 'data-label': 'Job' }, j.kind === 'process' ? h('a', linkTo({ view: 'batch', id: j.data.batchId }), j.id) : j.id),
        h('td', { 'data-label': 'Attempts' }, number(j.attempts)),
        h('td', { 'data-label': 'Failed' }, moment(j.timestamp)),
        h('td', null, h('div', { class: 'row' },
          button('Retry', () => retry([j]), { 'data-needs': 'change', 'aria-label': `Retry ${j.id}` }),
          button('Discard', () => discard(at, j, refresh), { class: 'danger', 'data-needs': 'change', 'aria-label': `Discard ${j.id}` }))))))));
}

async function attempt(act, refresh) {
  try {
    await act();
  } catch (err) {
    report(err);
  }
  await refresh().catch(() => {});
}

function discard(at, job, refresh) {
  const reason = h('input', { required: true, maxlength: 200, placeholder: 'for example: test file' });
  const box = modal('Discard this job?', [
    h('p', null, job.kind === 'process' ? 'Its batch stays in the list as failed, and is not counted unless you process it again.' : 'It runs again at its next scheduled time.'),
    h('form', {
      onsubmit: async (e) => {
        e.preventDefault();
        box.close();
        await attempt(async () => {
          await send('DELETE', `${at}/dlq/${encodeURIComponent(job.id)}?${new URLSearchParams({ reason: reason.value })}`);
          toast('Job discarded.');
        }, refresh);
      },
    }, h('label', null, 'Reason (written to the log) ', reason), h('p', { class: 'row' }, h('button', { class: 'danger' }, 'Discard')))]);
  box.showModal();
  reason.focus();
}
