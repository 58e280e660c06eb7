// The list of batches, newest first, updated as they change.
import { h, keepFocus, put, button, tableHead } from './dom.js';
import { get } from './api.js';
import { moment, number, shortID } from './format.js';
import { changed, linkTo, params, queryOf, remember, remembered } from './nav.js';
import { follow } from './live.js';
import { actions, badge, damaged, notCounted } from './batch.js';

const most = 10_000; // the server counts no further
const statuses = ['uploaded', 'queued', 'processing', 'completed', 'failed'];

export async function batches(root, { signal }) {
  const status = statuses.includes(params().get('status')) ? params().get('status') : '';
  const rows = new Map(); // by id
  let next = ''; // the cursor of the rows that are not shown
  const body = h('tbody', null);
  const more = h('div', { class: 'row' });
  const counts = new Map(['', ...statuses].map((s) => [s, h('span', { class: 'count' })]));
  const light = h('span', { class: 'live', role: 'status' }, 'connecting');

  const draw = (b) => {
    const row = line(b);
    keepFocus(() => rows.get(b.batch_id)?.replaceWith(row));
    rows.set(b.batch_id, row);
    return row;
  };
  const drop = (id) => { rows.get(id)?.remove(); rows.delete(id); empty.hidden = rows.size > 0; };
  const last = () => body.lastElementChild?.dataset.id;
  /** Loads the rows from a cursor on, as far as a batch: ids descend. */
  const load = async (cursor, to) => {
    const found = [];
    let page = { next_cursor: cursor };
    do {
      page = await get(`batches${queryOf({ limit: 50, status, cursor: page.next_cursor, counts: found.length || cursor ? '' : 'true' })}`, signal);
      if (page.status_counts) count(page.status_counts);
      found.push(...page.data);
    } while (page.next_cursor && found.at(-1).batch_id > to);
    keepFocus(() => {
      if (!cursor) { rows.clear(); put(body); }
      body.append(...found.map(draw));
    });
    next = page.next_cursor;
    put(more, next ? button('Show more', () => inTurn(showMore)) : null);
    empty.hidden = rows.size > 0;
  };
  const showMore = async () => {
    await load(next);
    remember({ last: last() });
  };
  // One after the other: what is loaded again must not lose what is being added.
  let turn = Promise.resolve();
  const inTurn = (act) => (turn = turn.catch(() => {}).then(act));
  const count = (counted) => {
    const all = Object.values(counted);
    counts.get('').textContent = atMost(all.reduce((sum, n) => sum + n, 0), all.includes(most));
    for (const s of statuses) counts.get(s).textContent = atMost(counted[s], counted[s] === most);
  };
  let pause = 0;
  const recount = () => {
    pause ||= setTimeout(async () => {
      pause = 0;
      if (!signal.aborted) await get('batches?limit=1&counts=true', signal).then((page) => count(page.status_counts), () => {});
    }, 1000);
  };
  const empty = h('p', { class: 'empty', hidden: true }, status ? `No batches with the status “${status}”.` : ['No files uploaded yet. ', h('a', { href: '?view=upload' }, 'Upload a file'), ' to get started.']);

  await inTurn(() => load('', remembered().last));
  put(root, h('h1', null, 'Batches ', light),
    h('nav', { class: 'pills', 'aria-label': 'Status' }, ['', ...statuses].map((s) =>
      h('a', { href: changed({ status: s || null }), 'aria-current': s === status ? 'true' : null }, s || 'all', ' ', counts.get(s)))),
    h('div', { class: 'card flush' }, h('table', { class: 'cardish' },
      tableHead('File', 'Status', ['Accepted', 'num'], ['Rejected', 'num'], ['Duplicates', 'num'], 'Uploaded', h('span', { class: 'vh' }, 'Actions')),
      body), empty), more);

  follow({
    batch: (b) => {
      recount();
      if (status && b.status !== status) return drop(b.batch_id);
      const known = rows.has(b.batch_id);
      const row = draw(b);
      if (!known) place(body, row, b.batch_id);
      empty.hidden = true;
    },
    deleted: (id) => { drop(id); recount(); },
    reset: () => inTurn(() => load('', last())).catch(() => {}),
    state: (on) => { light.textContent = on ? 'live' : 'reconnecting'; light.classList.toggle('on', on); },
  }, signal);
}

/** A number, and whether there may be more. */
const atMost = (n, more) => number(n) + (more ? '+' : '');

/** Inserts a row at its place: ids descend. */
function place(body, row, id) {
  const next = [...body.children].find((r) => r.dataset.id < id);
  body.insertBefore(row, next ?? null);
}

function line(b) {
  const cell = (label, props, ...children) => h('td', { 'data-label': label, ...props }, children);
  return h('tr', { 'data-id': b.batch_id },
    cell('File', null, h('div', null, h('a', { class: 'name', ...linkTo({ view: 'batch', id: b.batch_id }) }, b.file_name || shortID(b.batch_id)), b.last_error ? h('div', { class: 'bad clip' }, b.last_error) : null, damaged(b), notCounted(b))),
    cell('Status', null, badge(b.status)),
    cell('Accepted', { class: 'num' }, number(b.inserted_count)),
    cell('Rejected', { class: 'num' }, number(b.failed_count)),
    cell('Duplicates', { class: 'num' }, number(b.duplicate_count)),
    cell('Uploaded', null, moment(b.created_at)),
    cell('', null, h('div', { class: 'row' }, actions(b, () => {}))));
}
