// The state of the queue, and its dead letters: the jobs that failed permanently.
import { h, keepFocus, put, button, modal, tableHead, toast } from './dom.js';
import { get, reachable, refused, report, send } from './api.js';
import { age, moment, number, plural } from './format.js';
import { linkTo } from './nav.js';
import { byCause } from './causes.js';
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
  return [
    h('div', { class: 'row', 'data-needs': 'change' }, button(`Retry all ${number(all)}`, () => attempt(async () => {
      const { retried_count: n } = await send('POST', `${at}/dlq/retry`);
      toast(`${plural(n, 'job')} queued again.`);
    }, refresh), { class: 'primary' })),
    all > jobs.length ? h('p', { class: 'quiet' }, `Only the latest ${number(jobs.length)} of ${number(all)} are shown.`) : null,
    byCause(jobs).map(([cause, of], i) => group(at, cause, of, refresh, i < 3)),
  ];
}

/** The jobs of a cause, of which some can be chosen. */
function group(at, cause, jobs, refresh, open) {
  const chosen = new Set();
  const several = h('p', { class: 'row', 'data-needs': 'change' });
  const some = () => (chosen.size ? jobs.filter((j) => chosen.has(j.id)) : jobs);
  const show = () => put(several, button(`Retry these ${number(some().length)}`, () => retry(some())),
    button(`Discard these ${number(some().length)}`, () => discard(at, some(), refresh), { class: 'danger' }));
  const choose = (j) => h('input', { type: 'checkbox', 'aria-label': `Choose ${j.id}`, onchange: (e) => { chosen[e.target.checked ? 'add' : 'delete'](j.id); show(); } });
  if (jobs.length > 1) show();
  const retry = (some) => attempt(async () => {
    for (const j of some) await send('POST', `${at}/dlq/${encodeURIComponent(j.id)}/retry`);
    toast(`${plural(some.length, 'job')} queued again.`);
  }, refresh);
  return h('details', { class: 'card', open },
    h('summary', null, h('span', { class: 'clip' }, cause || 'No reason given'), h('b', null, number(jobs.length))),
    jobs[0].failedReason !== cause || cause.length > 160 ? h('p', { class: 'name quiet' }, 'Latest: ', jobs[0].failedReason) : null,
    jobs.length > 1 ? several : null,
    h('table', { class: 'cardish' },
      tableHead('Job', 'Attempts', 'Failed', h('span', { class: 'vh' }, 'Actions')),
      h('tbody', null, jobs.map((j) => {
        const history = attempts(j);
        return [h('tr', null,
          h('td', { 'data-label': 'Job' }, jobs.length > 1 ? [choose(j), ' '] : null, j.kind === 'process' ? h('a', linkTo({ view: 'batch', id: j.data.batchId }), j.id) : j.id),
          h('td', { 'data-label': 'Attempts' }, toggle(j, history)),
          h('td', { 'data-label': 'Failed' }, moment(j.timestamp)),
          h('td', null, h('div', { class: 'row' },
            button('Retry', () => retry([j]), { 'data-needs': 'change', 'aria-label': `Retry ${j.id}` }),
            button('Discard', () => discard(at, [j], refresh), { class: 'danger', 'data-needs': 'change', 'aria-label': `Discard ${j.id}` })))), history];
      }))));
}

/** The row below a job that has its attempts when it is open. */
const attempts = (j) => h('tr', { class: 'attempts', id: `attempts-${j.id}`, hidden: true });

/** Shows or hides the attempts of a job, with the time and the error of each. */
function toggle(j, row) {
  if (j.failures.length === 0) return number(j.attempts);
  return h('button', {
    type: 'button', class: 'link more', 'aria-expanded': 'false', 'aria-controls': row.id, 'aria-label': `${plural(j.attempts, 'attempt')} of ${j.id}`,
    onclick: (e) => {
      row.hidden = !row.hidden;
      e.currentTarget.setAttribute('aria-expanded', String(!row.hidden));
      if (!row.hidden) put(row, h('td', { colspan: 4 }, h('ol', null, j.failures.map((f) => h('li', null, h('b', null, `Attempt ${f.attempt}`), ' ', h('time', { datetime: f.at, class: 'quiet' }, moment(f.at)), h('p', { class: 'name' }, f.error))))));
    },
  }, number(j.attempts));
}

async function attempt(act, refresh) {
  try {
    await act();
  } catch (err) {
    report(err);
  }
  await refresh().catch(() => {});
}

function discard(at, jobs, refresh) {
  const reason = h('input', { required: true, maxlength: 200, placeholder: 'for example: test file' });
  const box = modal(jobs.length === 1 ? 'Discard this job?' : `Discard ${number(jobs.length)} jobs?`, [
    h('p', null, jobs.length > 1 ? 'Batches stay in the list as failed, and are not counted unless you process them again. Scheduled jobs run again at their next time.' : jobs[0].kind === 'process' ? 'Its batch stays in the list as failed, and is not counted unless you process it again.' : 'It runs again at its next scheduled time.'),
    h('form', {
      onsubmit: async (e) => {
        e.preventDefault();
        box.close();
        await attempt(async () => {
          for (const j of jobs) await send('DELETE', `${at}/dlq/${encodeURIComponent(j.id)}?${new URLSearchParams({ reason: reason.value })}`);
          toast(`${plural(jobs.length, 'job')} discarded.`);
        }, refresh);
      },
    }, h('label', null, 'Reason (written to the log) ', reason), h('p', { class: 'row' }, h('button', { class: 'danger' }, 'Discard')))]);
  box.showModal();
  reason.focus();
}
