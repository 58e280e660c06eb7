// Uploads files one after the other, and shows how each was answered.
import { h, put, toast } from './dom.js';
import { send, Problem } from './api.js';
import { bytes, clock } from './format.js';
import { linkTo } from './nav.js';
import { newKey, upload } from './sending.js';
import { failure, known, receipt } from './receipt.js';
import { preview } from './preview.js';
import { refusal } from './refusal.js';

let last = Promise.resolve(); // the end of the queue
let waiting = 0; // uploads in the queue, with that in progress
let work = null;

/**
 * The element of the uploads in the queue, or null if there are none. It is
 * shown again when the user comes back to the page.
 */
export const running = () => (waiting ? work : null);

const leave = (e) => e.preventDefault();

/**
 * Uploads a file after those before it. What becomes of it is shown in place, an
 * element within #work. It goes on while other pages are shown. Options are those
 * of upload, and: several (it waits out refusals by itself), replaces (the id of
 * a batch that is deleted first), deleted (such a batch was deleted).
 */
export function enqueue(file, options, place) {
  const stop = new AbortController();
  const status = h('p', { 'aria-live': 'off' }, waiting ? 'Waiting for the files before it …' : 'Starting …');
  const bar = h('progress', { max: 1, value: 0, 'aria-label': `Upload progress of ${file.name}` });
  const sending = h('section', { class: 'card' }, h('h2', null, file.name), bar, status,
    h('p', null, h('button', { type: 'button', onclick: () => stop.abort() }, 'Cancel')));
  put(place, sending);
  work = place.closest('#work');
  if (waiting++ === 0) addEventListener('beforeunload', leave);
  const turn = async () => {
    await run(file, options, place, { stop, bar, status, sending });
    if (--waiting === 0) removeEventListener('beforeunload', leave);
  };
  last = last.then(turn);
}

/** Sends a file and shows the answer. It does not throw. */
async function run(file, options, place, { stop, bar, status, sending }) {
  const show = (node) => put(place, node);
  // With the same key the answer would be the same, whatever has changed.
  const again = (changes) => enqueue(file, { ...options, ...(changes ? { key: newKey() } : {}), ...changes }, place);
  const replace = (replaces, changes) => enqueue(file, { ...options, key: newKey(), dryRun: false, replaces, ...changes }, place);
  const began = performance.now();
  const progress = (sent, total) => {
    const seconds = (performance.now() - began) / 1000;
    const rate = sent / Math.max(seconds, 0.001);
    bar.value = sent / total;
    status.textContent = sent < total
      ? `${bytes(sent)} of ${bytes(total)} · ${bytes(rate)}/s · ${clock((total - sent) / rate)} left`
      : `All ${bytes(total)} sent · the server is ${options.dryRun || options.replaces ? 'checking' : 'storing'} the rows`;
  };
  try {
    stop.signal.throwIfAborted();
    if (options.replaces) {
      await removeReplaced(file, options, stop.signal, progress);
      options = { ...options, replaces: '', deleted: true };
    }
    const answer = await upload(file, { ...options, signal: stop.signal, progress });
    if (options.dryRun) return show(preview(file, answer, options, again));
    if (answer.duplicate_of) return show(known(file, answer, again));
    show(receipt(file, answer, options, { seconds: (performance.now() - began) / 1000, place, replace }));
    if (!place.isConnected) toast(`${file.name} was uploaded.`, h('a', linkTo({ view: 'batch', id: answer.batch_id }), 'Show batch'));
  } catch (err) {
    if (err.name === 'AbortError') return show(cancelled(file, again, options.deleted));
    const lost = err instanceof Problem && err.status === 0;
    if (lost) err.retryAfter = Math.min(5 * 2 ** (options.tries ?? 0), 60);
    // The server may not have noticed yet that an upload of this file was cancelled.
    if (lost || err.code === 'in_flight' || (err.retryAfter && options.several)) {
      await new Promise((resolve) => {
        stop.signal.addEventListener('abort', resolve);
        show([h('h2', null, file.name), refusal(err, resolve, true), h('p', null, h('button', { type: 'button', onclick: () => stop.abort() }, 'Cancel'))]);
      });
      show(sending);
      return run(file, { ...options, tries: (options.tries ?? 0) + 1 }, place, { stop, bar, status, sending });
    }
    show(failure(file, err, options, again, replace));
    if (!place.isConnected) toast(`${file.name} was not uploaded: ${err.message}`);
  }
}

const cancelled = (file, again, deleted) => h('section', { class: 'card' }, h('h2', null, file.name),
  h('p', null, 'Upload cancelled. ', deleted ? 'The earlier batch was deleted. ' : '', h('button', { type: 'button', onclick: () => again() }, 'Upload again')));

/**
 * Deletes the batch that a file replaces, if the server would store the file: what
 * cannot be replaced stays.
 */
async function removeReplaced(file, options, signal, progress) {
  await upload(file, { ...options, dryRun: true, allowDuplicate: true, dedupe: '', repairs: '', key: newKey(), signal, progress });
  for (let tries = 1; ; tries++) {
    signal.throwIfAborted();
    try {
      await send('DELETE', `batches/${encodeURIComponent(options.replaces)}`);
      return;
    } catch (err) {
      if (err instanceof Problem && err.code === 'not_found') return; // it is deleted already
      if (!(err instanceof Problem && err.code === 'conflict') || tries === 20) throw err;
      await new Promise((resolve) => { setTimeout(resolve, 500); }); // it is being processed
    }
  }
}
