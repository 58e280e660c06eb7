// The upload page: choose a file, send it, see the result.
import { h, put, button, save, toast } from './dom.js';
import { get, request, Problem } from './api.js';
import { bytes, clock, day, number, percent, plural } from './format.js';
import { linkTo, params } from './nav.js';
import { newKey, upload as sendFile } from './sending.js';
import { problemBox } from './problem.js';
import { preview } from './preview.js';
import { reasonTable } from './reasons.js';
import { refusal } from './refusal.js';
import { sampleFile } from './demo.js';
import { badge, processButton } from './batch.js';

export async function upload(root, { signal }) {
  let schema = await get('schema', signal);
  const id = params().get('repairs');
  const original = id ? await get(`batches/${encodeURIComponent(id)}`, signal) : null;
  const work = running ?? h('div', { id: 'work' });
  const about = h('div', null, expected(schema));
  const change = async (e) => {
    schema = await get(`schema?${new URLSearchParams({ schema: e.target.value })}`, signal);
    put(about, expected(schema));
    if (!running) put(work); // the options of a chosen file are those of the other schema
  };
  const choose = (file) => { if (file) put(work, ready(file, schema, original, work)); };
  put(root, h('h1', null, 'Upload'), original ? correcting(original) : null, schemaChoice(schema.schemas, change), about, picker(choose, signal), work);
}

/** A choice of schemas, if there are any besides the default. */
function schemaChoice(names, change) {
  if (!names.length) return null;
  return h('p', null, h('label', null, 'Schema ', h('select', { id: 'schema', onchange: change },
    h('option', { value: '' }, 'default'), names.map((name) => h('option', { value: name }, name)))));
}

function expected({ columns, limits }) {
  return h('section', { class: 'card' }, h('h2', null, 'File format'),
    h('p', null, 'Required columns, in any order: ', codes(columns.required), '. ',
      h('code', null, columns.event_id), ' is optional. Other columns are kept.'),
    h('p', { class: 'quiet' }, `CSV with a header line, separated by commas, semicolons, tabs or vertical bars, or one JSON object per line; either may be compressed with gzip or zstd. Up to ${bytes(limits.upload_bytes)} and ${number(limits.rows)} rows. Invalid rows are listed so that you can correct them; the valid rows are stored.`),
    h('p', null, h('button', { type: 'button', class: 'link', onclick: () => save(sampleFile(), 'events.csv') }, 'Download a sample file')));
}

const codes = (names) => names.map((name, i) => [i ? ', ' : '', h('code', null, name)]);

/** Shows which batch the file corrects. */
function correcting(b) {
  return h('section', { class: 'card' },
    h('h2', null, 'Corrected rows for ', h('a', linkTo({ view: 'batch', id: b.batch_id }), b.file_name || b.batch_id)),
    h('p', null, `Not corrected yet: ${number(b.open_error_count)} of ${plural(b.failed_count, 'rejected row')}. `,
      h('a', { href: '?view=upload' }, 'Upload a different file instead')));
}

function picker(choose, signal) {
  const input = h('input', { type: 'file', id: 'file', class: 'vh', accept: '.csv,.tsv,.txt,.ndjson,.jsonl,.gz,.zst,text/csv', onchange: () => { choose(input.files[0]); input.value = ''; } });
  const zone = h('label', { class: 'drop', for: 'file' }, h('strong', null, 'Drop a file here, paste rows, or click to choose a file'), h('span', { class: 'quiet' }, 'Nothing is sent until you press Upload.'));
  const over = (on) => (e) => { e.preventDefault(); zone.classList.toggle('over', on); };
  for (const [name, act] of [['dragover', over(true)], ['dragleave', over(false)], ['drop', (e) => { over(false)(e); choose(e.dataTransfer.files[0]); }]]) zone.addEventListener(name, act);
  document.addEventListener('paste', (e) => {
    if (e.target.closest?.('input, textarea')) return;
    const text = e.clipboardData.getData('text');
    choose(e.clipboardData.files[0] ?? (text.includes('\n') ? new File([text], 'pasted.csv', { type: 'text/csv' }) : null));
  }, { signal });
  // A file that is dropped outside the zone must not replace the page.
  for (const name of ['dragover', 'drop']) document.addEventListener(name, (e) => e.preventDefault(), { signal });
  return h('div', { class: 'picker' }, input, zone);
}

/** A chosen file with its options. */
function ready(file, schema, original, work) {
  const tooLarge = file.size > schema.limits.upload_bytes && !/\.(gz|zst)$/i.test(file.name);
  const now = h('input', { type: 'checkbox', checked: true });
  const strict = h('input', { type: 'checkbox' });
  const dry = h('input', { type: 'checkbox' });
  const dedupe = h('select', { id: 'dedupe' }, h('option', { value: '' }, 'No'),
    h('option', { value: 'occurrence' }, 'Yes, by content'),
    h('option', { value: 'event_id' }, `Yes, by ${schema.columns.event_id}`));
  const key = newKey(); // one for this choice, so that it is safe to send again
  const start = () => run(file, { key, process: now.checked, strict: strict.checked, dryRun: dry.checked, dedupe: dedupe.value, repairs: original?.batch_id, schema: schema.schema }, work);
  const go = h('button', { type: 'button', class: 'primary', onclick: start, disabled: tooLarge }, 'Upload');
  requestAnimationFrame(() => go.focus());
  return h('section', { class: 'card' }, h('h2', null, file.name), h('p', null, bytes(file.size)),
    tooLarge ? h('p', { class: 'bad' }, `The file is larger than the limit of ${bytes(schema.limits.upload_bytes)}. Split it.`) : null,
    h('p', null, h('label', null, now, ' Process right away')),
    h('p', null, h('label', null, strict, ' Reject the file if any row is invalid')),
    h('p', null, h('label', null, dry, ' Dry run: check without storing')),
    h('p', null, h('label', null, 'Skip rows already uploaded ', dedupe), h('span', { class: 'quiet' }, ' Compares only with files uploaded with this option.')),
    h('p', { class: 'row' }, go));
}

// The element of the upload in progress. It is shown again when the user comes
// back to the page.
let running = null;

/** Sends a file and shows its progress. It goes on while other pages are shown. */
async function run(file, options, work) {
  const stop = new AbortController();
  const leave = (e) => e.preventDefault();
  addEventListener('beforeunload', leave);
  running = work;
  const bar = h('progress', { max: 1, value: 0, 'aria-label': 'Upload progress' });
  const status = h('p', { 'aria-live': 'off' }, 'Starting …');
  put(work, h('section', { class: 'card' }, h('h2', null, file.name), bar, status,
    h('p', null, h('button', { type: 'button', onclick: () => stop.abort() }, 'Cancel'))));
  const show = (node) => put(work, node);
  const began = performance.now();
  const progress = (sent, total) => {
    const seconds = (performance.now() - began) / 1000;
    const rate = sent / Math.max(seconds, 0.001);
    bar.value = sent / total;
    status.textContent = sent < total
      ? `${bytes(sent)} of ${bytes(total)} · ${bytes(rate)}/s · ${clock((total - sent) / rate)} left`
      : `All ${bytes(total)} sent · the server is ${options.dryRun ? 'checking' : 'storing'} the rows`;
  };
  try {
    const answer = await sendFile(file, { ...options, signal: stop.signal, progress });
    if (options.dryRun) return show(preview(answer, () => run(file, { ...options, dryRun: false }, work)));
    if (answer.duplicate_of) return show(known(answer, () => run(file, { ...options, allowDuplicate: true }, work)));
    show(receipt(answer, (performance.now() - began) / 1000, work));
    if (!work.isConnected) toast(`${file.name} was uploaded.`, h('a', linkTo({ view: 'batch', id: answer.batch_id }), 'Show batch'));
  } catch (err) {
    const again = () => run(file, options, work);
    if (err.name === 'AbortError') show(h('section', { class: 'card' }, h('p', null, 'Upload cancelled. ', h('button', { type: 'button', onclick: again }, 'Upload again'))));
    else show(failure(err, again, (layout) => run(file, { ...options, layout }, work)));
    if (!work.isConnected && err.name !== 'AbortError') toast(`${file.name} was not uploaded: ${err.message}`);
  } finally {
    removeEventListener('beforeunload', leave);
    running = null;
  }
}

function failure(err, again, inOrder) {
  if (!(err instanceof Problem)) return problemBox(err);
  if (err.retryAfter) return refusal(err, again);
  const { found_columns: found, did_you_mean: guess, errors = [] } = err.body;
  return h('div', null,
    problemBox(err, err.status === 0 ? h('p', null, button('Send again', again)) : null,
      err.code === 'ambiguous_time' ? h('p', { class: 'row' }, err.body.readings.map((r) => h('button', { type: 'button', onclick: () => inOrder(r.timestamp_layout) },
        `${r.timestamp_layout === 'dmy' ? 'Day first' : 'Month first'}: ${r.value} is ${day(r.date)}`))) : null),
    found ? h('section', { class: 'card' }, h('p', null, found.length ? ['The file has these columns: ', codes(found), '.'] : 'The file has no columns.'),
      guess ? Object.entries(guess).map(([want, have]) => h('p', null, 'Should ', h('code', null, have), ' be named ', h('code', null, want), '?')) : null) : null,
    errors.length ? h('section', { class: 'card' }, h('h2', null, plural(err.body.failed_count, 'rejected row')), grouped(err.body)) : null);
}

/** Shows that an earlier batch has the content of the file; again stores it anyway. */
function known(answer, again) {
  return h('section', { class: 'card', 'aria-live': 'polite' },
    h('h2', null, 'This file was already uploaded ', badge(answer.status)),
    h('p', null, 'Nothing was stored. It has the same content as ', h('a', linkTo({ view: 'batch', id: answer.duplicate_of }), 'an earlier batch'), '.'),
    h('p', { class: 'row' }, button('Store it anyway', again)));
}

/** Shows how the server answered an upload, and follows the batch. */
function receipt(answer, seconds, work) {
  const status = h('span', null, badge(answer.status));
  const next = h('div', { class: 'row' });
  const after = (state) => {
    put(status, badge(state));
    put(next,
      state === 'uploaded' ? processButton(answer.batch_id, () => poll(), answer.batch_id) : null,
      state === 'completed' ? h('a', { class: 'primary', href: '?' }, 'View results') : null,
      h('a', { class: 'secondary', ...linkTo({ view: 'batch', id: answer.batch_id }) }, 'Show batch'));
  };
  const poll = async () => {
    for (let state = 'queued', wait = 100; state !== 'completed' && state !== 'failed'; wait = Math.min(wait * 1.5, 2000)) {
      await new Promise((resolve) => setTimeout(resolve, wait));
      if (!work.contains(next)) return; // another file was chosen
      ({ status: state } = await get(`batches/${answer.batch_id}`));
      after(state);
    }
  };
  after(answer.status);
  if (answer.status !== 'uploaded') poll().catch(() => {});
  const all = answer.inserted_count + answer.failed_count + answer.duplicate_count;
  return h('section', { class: 'card receipt', 'aria-live': 'polite' },
    h('h2', null, `${plural(answer.inserted_count, 'event')} stored `, status),
    h('p', { class: 'quiet' }, `in ${seconds.toFixed(1)} s · batch ${answer.batch_id}`),
    answer.process_error ? h('p', { class: 'bad' }, answer.process_error) : null,
    answer.failed_count ? [
      h('h3', null, `${plural(answer.failed_count, 'row')} rejected (${percent(answer.failed_count / all)})`),
      grouped(answer), h('p', null, downloadRejected(answer.batch_id))] : h('p', null, answer.duplicate_count ? 'No rows were rejected.' : 'All rows were accepted.'),
    answer.duplicate_count ? h('p', null, `${plural(answer.duplicate_count, 'row')} skipped: already uploaded.`) : null,
    warningList(answer.warnings),
    next);
}

/** Rules that stored rows violate. */
function warningList(warnings) {
  return warnings.length ? [h('h3', null, 'Warnings about stored rows'), h('ul', null, warnings.map((w) => h('li', null,
    `${w.message}: ${plural(w.count, 'row')}, first on line ${number(w.line)}`)))] : null;
}

/** Returns a button that downloads the rejected rows of a batch as a file. */
export function downloadRejected(id) {
  return button('Download rejected rows', async () => save(await (await request(`batches/${id}/errors`)).blob(), `${id}-errors.csv`));
}

/** Rejected rows by reason, each with its first row. */
function grouped({ errors, errors_truncated: truncated }) {
  const groups = Map.groupBy(errors, (e) => `${e.code} ${e.column}`);
  return [reasonTable([...groups.values()].map((g) => ({ count: g.length, sample: g[0] }))),
    truncated ? h('p', { class: 'quiet' }, `Only the first ${plural(errors.length, 'rejected row')} are counted here.`) : null];
}
