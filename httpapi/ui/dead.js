// The state of the queue, and the jobs that failed for good.
import { h, keepFocus, put, button, modal, toast } from './dom.js';
import { get, reachable, refused, send, tell } from './api.js';
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
  const look = async () => {
    const s = await get(at, signal);
    put(state, facts(s));
    if (s.dead_count !== deadNow) {
      deadNow = s.dead_count;
      const now = await list(at, look, signal);
      keepFocus(() => put(letters, now));
    }
  };
  await look();
  put(root, h('h1', null, 'Queue and dead letters'), state, letters, await integrity(signal));
  (async () => {
    while (!signal.aborted) {
      await new Promise((resolve) => setTimeout(resolve, 3000));
      if (signal.aborted || document.hidden) continue;
      try {
        await look();
        reachable(true);
      } catch (err) {
        if (signal.aborted) return;
        if (refused(err)) return tell(err);
        if (err.status === 0) reachable(false);
      }
    }
  })();
}

function facts(s) {
  const fact = (name, value, note) => h('section', { class: 'card stat' }, h('h2', null, name), h('p', { class: 'value' }, value), h('p', { class: 'note quiet' }, note));
  return [
    fact('Waiting', number(s.waiting_count), s.waiting_count ? `the oldest for ${age(s.oldest_waiting_seconds)}` : 'nothing waits'),
    fact('Running', number(s.running_count), s.running_count ? 'being worked on' : 'nothing runs'),
    fact('Between attempts', number(s.delayed_count), 'delayed, or to be tried again'),
    fact('Dead', number(s.dead_count), s.dead_count ? 'somebody has to look' : 'all is well'),
  ];
}

async function list(at, look, signal) {
  const { jobs, failed_count: all } = await get(`${at}/dlq?limit=${page}`, signal);
  if (jobs.length === 0) {
    return h('section', { class: 'card empty' }, h('h2', null, 'No dead letters'), h('p', null, 'A job that fails in all its attempts comes here, and stays until somebody sends it again or discards it.'));
  }
  const groups = [...Map.groupBy(jobs, (j) => j.failedReason)].sort((a, b) => b[1].length - a[1].length);
  return [
    h('div', { class: 'row' }, button(`Retry all ${number(all)}`, () => attempt(async () => {
      const { retried_count: n } = await send('POST', `${at}/dlq/retry`);
      toast(`${plural(n, 'job')} in line again.`);
    }, look), { class: 'primary' })),
    all > jobs.length ? h('p', { class: 'quiet' }, `The latest ${number(jobs.length)} of ${number(all)} are shown.`) : null,
    groups.map(([reason, of], i) => group(at, reason, of, look, i < 3)),
  ];
}

function group(at, reason, jobs, look, open) {
  const retry = (some) => attempt(async () => {
    for (const j of some) await send('POST', `${at}/dlq/${encodeURIComponent(j.id)}/retry`);
    toast(`${plural(some.length, 'job')} in line again.`);
  }, look);
  return h('details', { class: 'card', open },
    h('summary', null, h('span', { class: 'clip' }, reason || 'no reason given'), h('b', null, number(jobs.length))),
    reason.length > 160 ? h('p', { class: 'name quiet' }, reason) : null, // whole, where the line above is cut
    jobs.length > 1 ? h('p', null, button(`Retry these ${number(jobs.length)}`, () => retry(jobs))) : null,
    h('table', { class: 'cardish' },
      h('thead', null, h('tr', null, ['Job', 'Attempts', 'Died', ''].map((t) => h('th', { scope: 'col' }, t || h('span', { class: 'vh' }, 'Actions'))))),
      h('tbody', null, jobs.map((j) => h('tr', null,
        h('td', { 'data-label': 'Job' }, j.kind === 'process' ? h('a', linkTo({ view: 'batch', id: j.data.batchId }), j.id) : j.id),
        h('td', { 'data-label': 'Attempts' }, number(j.attempts)),
        h('td', { 'data-label': 'Died' }, moment(j.timestamp)),
        h('td', null, h('div', { class: 'row' },
          button('Retry', () => retry([j]), { 'aria-label': `Retry ${j.id}` }),
          button('Discard', () => discard(at, j, look), { class: 'danger', 'aria-label': `Discard ${j.id}` }))))))));
}

async function attempt(act, look) {
  try {
    await act();
  } catch (err) {
    tell(err);
  }
  await look().catch(() => {});
}

function discard(at, job, look) {
  const reason = h('input', { required: true, maxlength: 200, placeholder: 'why nobody will miss it' });
  const box = modal('Discard this job?', [
    h('p', null, job.kind === 'process' ? 'Its batch stays, failed and not counted, and may be processed again.' : 'Its work is left undone until its next time comes.'),
    h('form', {
      onsubmit: async (e) => {
        e.preventDefault();
        box.close();
        await attempt(async () => {
          await send('DELETE', `${at}/dlq/${encodeURIComponent(job.id)}?${new URLSearchParams({ reason: reason.value })}`);
          toast('Discarded.');
        }, look);
      },
    }, h('label', null, 'Reason, for the log: ', reason), h('p', { class: 'row' }, h('button', { class: 'danger' }, 'Discard')))]);
  box.showModal();
  reason.focus();
}
