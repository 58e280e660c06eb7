// One batch and its actions.
import { h, keepFocus, put, button, modal, tableHead, toast } from './dom.js';
import { get, Problem, send } from './api.js';
import { moment, number, plural } from './format.js';
import { go, linkTo, params } from './nav.js';
import { problemBox } from './problem.js';
import { follow } from './live.js';
import { downloadRejected } from './receipt.js';
import { contents } from './contents.js';

const back = () => h('p', null, h('a', { href: '?view=batches' }, '← Batches'));

export const badge = (status) => h('span', { class: `badge ${status}` }, status);

export async function batch(root, { signal }) {
  const id = params().get('id') ?? '';
  let shown = '';
  const show = (b, inside) => {
    if (shown === JSON.stringify([b, inside])) return;
    shown = JSON.stringify([b, inside]);
    keepFocus(() => put(root, back(), page(b), inside instanceof Problem ? problemBox(inside) : contents(inside, b)));
  };
  const path = `batches/${encodeURIComponent(id)}`;
  // A batch whose counts are damaged must still be seen, and can be deleted.
  const inside = () => get(`${path}/contents`, signal).catch((err) => {
    if (err instanceof Problem && err.status >= 500) return err;
    throw err;
  });
  const load = async () => show(...await Promise.all([get(path, signal), inside()]));
  await load();
  const again = () => load().catch(() => {});
  follow({
    batch: (b) => { if (b.batch_id === id || b.repairs === id) again(); },
    deleted: (gone) => {
      if (gone === id) put(root, back(), h('p', null, 'This batch was deleted.'));
      else again(); // it may have been a correction
    },
    reset: again,
  }, signal);
}

function page(b) {
  const line = (name, ...value) => [h('dt', null, name), h('dd', null, value)];
  return [h('section', { class: 'card' },
    h('h1', null, b.file_name || 'Unnamed batch', ' ', badge(b.status)),
    b.last_error ? h('div', { class: 'problem' }, h('strong', null, b.status === 'failed' ? 'Processing failed.' : 'Waiting.'), h('p', null, b.last_error),
      b.status === 'failed' ? h('p', null, 'Fix the cause, then process the batch again here, or retry its job under ', h('a', { href: '?view=dead' }, 'Dead letters'), '.') : null) : null,
    notCounted(b),
    h('dl', null,
      line('Batch ID', h('code', null, b.batch_id)),
      line('Accepted rows', number(b.inserted_count)), line('Rejected rows', number(b.failed_count)),
      b.duplicate_count ? line('Duplicate rows', `${number(b.duplicate_count)}, skipped`) : null,
      b.erased_count ? line('Erased rows', `${number(b.erased_count)} of the accepted rows`) : null,
      b.repairs ? line('Corrects', batchLink(b.repairs)) : null,
      b.failed_count ? line('Not corrected yet', openRows(b)) : null,
      line('Uploaded', moment(b.created_at)), line('Last changed', moment(b.updated_at)),
      line('SHA-256', h('code', { class: 'long' }, b.sha256)),
      b.sealed ? line('Raw events', 'purged; the counts are kept') : null),
    h('div', { class: 'row' }, processAction(b), b.failed_count ? [downloadRejected(b.batch_id, b.file_name), h('a', { class: 'secondary', ...linkTo({ view: 'upload', repairs: b.batch_id }) }, 'Upload corrected rows')] : null, deleteAction(b))),
  b.repaired_by.length ? corrections(b) : null];
}

const batchLink = (id, name = '') => h('a', linkTo({ view: 'batch', id }), name || h('code', null, id));

const openRows = (b) => (b.open_error_count ? `${number(b.open_error_count)} of ${number(b.failed_count)} rejected rows` : 'None: all rejected rows were corrected');

/** The batches that correct rejected rows of this one. */
function corrections(b) {
  return h('section', { class: 'card' }, h('h2', null, 'Corrected by'), h('div', { class: 'scroll' }, h('table', { class: 'corrections' },
    tableHead('File', 'Status', ['Accepted', 'num'], ['Rejected', 'num'], 'Uploaded'),
    h('tbody', null, b.repaired_by.map((r) => h('tr', null,
      h('td', { class: 'name' }, batchLink(r.batch_id, r.file_name)), h('td', null, badge(r.status)),
      h('td', { class: 'num' }, number(r.inserted_count)), h('td', { class: 'num' }, number(r.failed_count)), h('td', null, moment(r.created_at))))))),
  b.repaired_by_truncated ? h('p', { class: 'quiet' }, 'Older corrections are not shown.') : null);
}

/** Says that the description of a batch may be wrong. */
export const damaged = (b) => (b.damaged ? h('div', { class: 'bad' }, 'Damaged: what is shown of this batch may be wrong. See Integrity.') : null);

/** Says that a batch does not count, and until when it can be processed. */
export const notCounted = (b) => (b.expires_at ? h('div', { class: 'quiet' }, 'Not counted yet. It is removed after ', moment(b.expires_at), ' unless it is processed.') : null);

/** The buttons that the status of a batch allows. */
export const actions = (b, done) => [processAction(b, done), deleteAction(b, done)];

const processAction = (b, done) => (b.links.process ? processButton(b.batch_id, done, b.file_name) : null);

const deleteAction = (b, done) => (b.status === 'processing' ? null : button('Delete', () => remove(b, done), { class: 'danger', 'data-needs': 'change', 'aria-label': `Delete ${b.file_name || b.batch_id}` }));

export const processButton = (id, done, name) => button('Process', async () => {
  try {
    await send('POST', `batches/${id}/process`);
    toast('Queued.');
    done?.();
  } catch (err) {
    modal('Could not queue', [problemBox(err)]).showModal();
  }
}, { 'data-needs': 'change', 'aria-label': `Process ${name || id}` });

/** Deletes a batch after the user has typed its number of events. */
function remove(b, done) {
  const status = h('div', { 'aria-live': 'polite' });
  const confirm = h('button', { class: 'danger', disabled: true }, 'Delete permanently');
  const typed = h('input', { inputmode: 'numeric', autocomplete: 'off', required: true, oninput: () => { confirm.disabled = typed.value.replace(/[\s,.']/g, '') !== String(b.inserted_count); } });
  const box = modal('Delete this batch?', [
    h('p', null, 'This deletes ', h('strong', null, b.file_name || b.batch_id), ` with its ${plural(b.inserted_count, 'event')} and ${plural(b.failed_count, 'rejected row')}, and subtracts its events from all counts. This cannot be undone.`),
    h('form', {
      onsubmit: async (e) => {
        e.preventDefault();
        confirm.disabled = true;
        try {
          await send('DELETE', `batches/${b.batch_id}`);
          box.close();
          toast('Batch deleted.');
          if (done) done();
          else go('?view=batches');
        } catch (err) {
          put(status, problemBox(err));
        }
      },
    }, h('label', null, 'To confirm, type the number of events: ', h('b', null, number(b.inserted_count)), typed), h('p', { class: 'row' }, confirm)), status]);
  box.showModal();
  typed.focus();
}
