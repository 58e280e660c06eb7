// One batch, and what can be done with it.
import { h, keepFocus, put, button, modal, toast } from './dom.js';
import { get, send } from './api.js';
import { moment, number } from './format.js';
import { go, linkTo, params } from './nav.js';
import { problemBox } from './problem.js';
import { follow } from './live.js';
import { repair } from './upload.js';

export const badge = (status) => h('span', { class: `badge ${status}` }, status);

export async function batch(root, { signal }) {
  const id = params().get('id') ?? '';
  let shown = '';
  const show = (b) => {
    if (shown === JSON.stringify(b)) return;
    shown = JSON.stringify(b);
    keepFocus(() => put(root, h('p', null, h('a', { href: '?view=batches' }, '← Batches')), page(b)));
  };
  show(await get(`batches/${encodeURIComponent(id)}`, signal));
  const again = () => get(`batches/${encodeURIComponent(id)}`, signal).then(show, () => {});
  follow({
    batch: (b) => { if (b.batch_id === id || b.repairs === id) again(); },
    deleted: (gone) => {
      if (gone === id) put(root, h('p', null, h('a', { href: '?view=batches' }, '← Batches')), h('p', null, 'This batch was deleted.'));
      else again(); // it may have been a repair
    },
    reset: again,
  }, signal);
}

function page(b) {
  const line = (name, ...value) => [h('dt', null, name), h('dd', null, value)];
  return [h('section', { class: 'card' },
    h('h1', null, b.file_name || 'Batch without a name', ' ', badge(b.status)),
    b.last_error ? h('div', { class: 'problem' }, h('strong', null, b.status === 'failed' ? 'It could not be counted.' : 'It waits.'), h('p', null, b.last_error),
      b.status === 'failed' ? h('p', null, 'Mend the cause, then process it again, here or in the ', h('a', { href: '?view=dead' }, 'dead letters'), '.') : null) : null,
    h('dl', null,
      line('Batch', h('code', null, b.batch_id)),
      line('Accepted rows', number(b.inserted_count)), line('Rejected rows', number(b.failed_count)),
      b.duplicate_count ? line('Duplicate rows', `${number(b.duplicate_count)}, left out`) : null,
      b.erased_count ? line('Erased since', `${number(b.erased_count)} of the accepted rows`) : null,
      b.repairs ? line('Repairs', batchLink(b.repairs)) : null,
      b.failed_count ? line('Still open', openRows(b)) : null,
      line('Uploaded', moment(b.created_at)), line('Last change', moment(b.updated_at)),
      line('SHA-256', h('code', { class: 'long' }, b.sha256)),
      b.sealed ? line('Sealed', 'its raw events are gone; its counts stay') : null),
    h('div', { class: 'row' }, actions(b), b.failed_count ? [repair(b.batch_id), h('a', { class: 'secondary', ...linkTo({ view: 'upload', repairs: b.batch_id }) }, 'Upload a mended file')] : null)),
  b.repaired_by.length ? repairs(b) : null];
}

const batchLink = (id, name = '') => h('a', linkTo({ view: 'batch', id }), name || h('code', null, id));

const openRows = (b) => (b.open_error_count ? `${number(b.open_error_count)} of ${number(b.failed_count)} rejected rows` : 'none: every rejected row was made good');

/** The batches that make good the rejected rows of this one. */
function repairs(b) {
  return h('section', { class: 'card' }, h('h2', null, 'Repaired by'), h('div', { class: 'scroll' }, h('table', { class: 'repairs' },
    h('thead', null, h('tr', null, ['File', 'Status'].map((t) => h('th', { scope: 'col' }, t)), ['Accepted', 'Rejected'].map((t) => h('th', { scope: 'col', class: 'num' }, t)), h('th', { scope: 'col' }, 'Uploaded'))),
    h('tbody', null, b.repaired_by.map((r) => h('tr', null,
      h('td', { class: 'name' }, batchLink(r.batch_id, r.file_name)), h('td', null, badge(r.status)),
      h('td', { class: 'num' }, number(r.inserted_count)), h('td', { class: 'num' }, number(r.failed_count)), h('td', null, moment(r.created_at))))))),
  b.repaired_by_truncated ? h('p', { class: 'quiet' }, 'And older ones.') : null);
}

/** What the state of a batch allows. */
export function actions(b, done) {
  return [
    b.links.process ? processButton(b.batch_id, done, b.file_name) : null,
    b.status === 'processing' ? null : button('Delete', () => remove(b, done), { class: 'danger', 'aria-label': `Delete ${b.file_name || b.batch_id}` }),
  ];
}

export const processButton = (id, done, name) => button('Process', async () => {
  try {
    await send('POST', `batches/${id}/process`);
    toast('In line to be counted.');
    done?.();
  } catch (err) {
    modal('Not in line', [problemBox(err)]).showModal();
  }
}, { 'aria-label': `Process ${name || id}` });

/** Deletes a batch once its number of events is typed. */
function remove(b, done) {
  const says = h('div', { 'aria-live': 'polite' });
  const confirm = h('button', { class: 'danger', disabled: true }, 'Delete for ever');
  const typed = h('input', { inputmode: 'numeric', autocomplete: 'off', required: true, oninput: () => { confirm.disabled = typed.value.replace(/[\s,.']/g, '') !== String(b.inserted_count); } });
  const box = modal('Delete this batch?', [
    h('p', null, h('strong', null, b.file_name || b.batch_id), ' goes, with its ', number(b.inserted_count), ' events, its ', number(b.failed_count), ' rejected rows, and its share of the numbers. This cannot be undone.'),
    h('form', {
      onsubmit: async (e) => {
        e.preventDefault();
        confirm.disabled = true;
        try {
          await send('DELETE', `batches/${b.batch_id}`);
          box.close();
          toast('Deleted.');
          if (done) done();
          else go('?view=batches');
        } catch (err) {
          put(says, problemBox(err));
        }
      },
    }, h('label', null, 'Type the number of its events, ', h('b', null, number(b.inserted_count)), ': ', typed), h('p', { class: 'row' }, confirm)), says]);
  box.showModal();
  typed.focus();
}
