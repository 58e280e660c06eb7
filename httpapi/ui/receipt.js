// How the server answered an upload, and what can be done about it.
import { h, put, button, save } from './dom.js';
import { get, request, Problem } from './api.js';
import { day, number, percent, plural } from './format.js';
import { linkTo } from './nav.js';
import { problemBox } from './problem.js';
import { reasonTable } from './reasons.js';
import { refusal } from './refusal.js';
import { differenceTable, encodingName, ownZone, readingLine, warningList } from './reading.js';
import { badge, notCounted, processButton } from './batch.js';

const press = (label, onclick) => h('button', { type: 'button', onclick }, label);
const codes = (names) => names.map((name, i) => [i ? ', ' : '', h('code', null, name)]);
const earlier = (id, text) => h('a', linkTo({ view: 'batch', id }), text);

/** Shows why a file was refused. */
export function failure(file, err, options, again, replace) {
  if (!(err instanceof Problem)) return [h('h2', null, file.name), problemBox(err)];
  const { found_columns: found, did_you_mean: guess, errors = [], read_as: read } = err.body;
  if (read?.encoding_hint) err.message = err.message.replace(/\. The file seems to be .*/, ''); // the buttons say it
  return h('div', null, h('h2', null, file.name),
    options.deleted ? h('p', { class: 'bad' }, 'The earlier batch was deleted and this file is not stored. Upload it again.') : null,
    err.code === 'read_otherwise' ? otherwise(err, replace) : null,
    err.retryAfter ? refusal(err, () => again()) : null,
    err.retryAfter || err.code === 'read_otherwise' ? null : problemBox(err,
      err.status === 0 ? h('p', null, button('Send again', () => again())) : null,
      err.code === 'ambiguous_time' ? h('p', { class: 'row' }, err.body.readings.map((r) => press(
        `${r.timestamp_layout === 'dmy' ? 'Day first' : 'Month first'}: ${r.value} is ${day(r.date)}`, () => again({ layout: r.timestamp_layout })))) : null,
      options.deleted && err.status !== 0 ? h('p', null, press('Upload again', () => again())) : null),
    encodingOffer(read, (name) => `Upload as ${name}`, (encoding) => again({ encoding }), 'Cancel, I will save it as UTF-8'),
    found ? h('section', { class: 'card' }, h('p', null, found.length ? ['The file has these columns: ', codes(found), '.'] : 'The file has no columns.'),
      guess ? Object.entries(guess).map(([want, have]) => h('p', null, 'Should ', h('code', null, have), ' be named ', h('code', null, want), '?')) : null) : null,
    errors.length ? h('section', { class: 'card' }, h('h3', null, plural(err.body.failed_count, 'rejected row')), readingLine(read), grouped(err.body)) : null);
}

/** Shows that an earlier batch has the content of the file, read with other options. */
function otherwise({ body }, replace) {
  return h('div', { class: 'problem', role: 'alert' },
    h('strong', null, 'This file was already uploaded, and read in another way.'),
    h('p', null, 'Nothing was stored. It has the same content as ', earlier(body.batch_id, 'an earlier batch'), '. These options differ:'),
    differenceTable(body.differences),
    h('p', { class: 'row' }, press('Delete that batch and upload again', () => replace(body.batch_id))));
}

/** Shows that an earlier batch has the content of the file. */
export function known(file, answer, again) {
  return h('section', { class: 'card', 'aria-live': 'polite' }, h('h2', null, file.name),
    h('h3', null, 'This file was already uploaded ', badge(answer.status)),
    h('p', null, 'Nothing was stored. It has the same content as ', earlier(answer.duplicate_of, 'an earlier batch'), '.'),
    readingLine(answer.read_as),
    h('p', { class: 'row' }, button('Store it anyway', () => again({ allowDuplicate: true }))));
}

/** Shows what was stored, and follows the batch. */
export function receipt(file, answer, options, { seconds, place, replace }) {
  const status = h('span', null, badge(answer.status));
  const next = h('div', { class: 'row' });
  const after = (state) => {
    put(status, badge(state));
    put(next,
      state === 'uploaded' ? notCounted(answer) : null,
      state === 'uploaded' ? processButton(answer.batch_id, () => poll(), answer.batch_id) : null,
      state === 'completed' ? h('a', { class: 'primary', href: '?' }, 'View results') : null,
      h('a', { class: 'secondary', ...linkTo({ view: 'batch', id: answer.batch_id }) }, 'Show batch'));
  };
  const poll = async () => {
    for (let state = 'queued', wait = 100; state !== 'completed' && state !== 'failed'; wait = Math.min(wait * 1.5, 2000)) {
      await new Promise((resolve) => { setTimeout(resolve, wait); });
      if (!place.contains(next) || !place.closest('#work')) return; // another file was chosen
      ({ status: state } = await get(`batches/${answer.batch_id}`));
      after(state);
    }
  };
  after(answer.status);
  if (answer.status !== 'uploaded') poll().catch(() => {});
  const all = answer.inserted_count + answer.failed_count + answer.duplicate_count;
  return h('section', { class: 'card receipt', 'aria-live': 'polite' },
    h('h2', null, `${plural(answer.inserted_count, 'event')} stored `, status),
    h('p', { class: 'quiet' }, `${file.name} · in ${seconds.toFixed(1)} s · batch ${answer.batch_id}`),
    readingLine(answer.read_as),
    answer.process_error ? h('p', { class: 'bad' }, answer.process_error) : null,
    answer.failed_count ? [
      h('h3', null, `${plural(answer.failed_count, 'row')} rejected (${percent(answer.failed_count / all)})`),
      grouped(answer), h('p', { class: 'row' }, downloadRejected(answer.batch_id, file.name), h('a', { class: 'secondary', ...linkTo({ view: 'upload', repairs: answer.batch_id }) }, 'Upload corrected rows'))] : h('p', null, answer.duplicate_count ? 'No rows were rejected.' : 'All rows were accepted.'),
    answer.duplicate_count ? h('p', null, `${plural(answer.duplicate_count, 'row')} skipped: already uploaded.`) : null,
    warningList(answer.warnings),
    encodingOffer(answer.read_as, (name) => `Delete that batch and upload again as ${name}`, (encoding) => replace(answer.batch_id, { encoding }), 'Keep it, I will correct the rejected rows'),
    zoneOffer(answer, options, 'were read', (zone) => `Delete that batch and upload again with ${zone}`, (zone) => replace(answer.batch_id, { zone })),
    next);
}

/**
 * Offers to read a file in the encoding that it seems to have; nothing if there
 * is none. label names the button, no the one that leaves it as it is.
 */
export function encodingOffer(read, label, act, no) {
  if (!read?.encoding_hint) return null;
  const name = encodingName(read.encoding_hint);
  const box = h('div', { class: 'offer' },
    h('p', null, h('strong', null, `The file seems to be ${name}, not UTF-8. `), 'Excel uses this encoding for plain CSV. Check the letters with accents after the upload.'),
    h('p', { class: 'row' }, press(label(name), () => act(read.encoding_hint)),
      no ? press(no, () => put(box, h('p', { role: 'status' }, 'To save it as UTF-8 in Excel: File, Save As, “CSV UTF-8”. Then choose the saved file.'))) : null));
  return box;
}

/** Offers the zone of the browser if a file has times without a zone. */
export function zoneOffer({ warnings }, options, were, label, act) {
  const naive = warnings.find((w) => w.code === 'time_without_zone');
  const own = ownZone();
  if (!naive || options.zone || own === 'UTC') return null;
  return h('div', { class: 'offer' },
    h('p', null, h('strong', null, `${plural(naive.count, 'time has', 'times have')} no zone and ${were} as UTC. `), `Are they times of ${own}, the zone of this browser?`),
    h('p', { class: 'row' }, press(label(own), () => act(own))));
}

/** The name of the file with the rejected rows of another. */
export const rejectedName = (name, id) => `${(name || id).replace(/(\.(csv|tsv|txt|ndjson|jsonl))?(\.(gz|zst))?$/i, '')}-rejected.csv`;

/** Returns a button that downloads the rejected rows of a batch as a file. */
export function downloadRejected(id, name) {
  return button('Download rejected rows', async () => save(await (await request(`batches/${id}/errors`)).blob(), rejectedName(name, id)));
}

/** Rejected rows by reason, each with its first row. */
function grouped({ errors, errors_truncated: truncated }) {
  const groups = Map.groupBy(errors, (e) => `${e.code} ${e.column}`);
  return [reasonTable([...groups.values()].map((g) => ({ count: g.length, sample: g[0] }))),
    truncated ? h('p', { class: 'quiet' }, `Only the first ${plural(errors.length, 'rejected row')} are counted here.`) : null];
}
