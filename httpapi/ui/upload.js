// Choose a file, send it, see what became of it.
import { h, put, button, save, toast } from './dom.js';
import { get, request, Problem } from './api.js';
import { bytes, clock, day, number, percent, plural } from './format.js';
import { linkTo, params } from './nav.js';
import { newKey, upload as sendFile } from './sending.js';
import { problemBox } from './problem.js';
import { preview } from './preview.js';
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
    if (!running) put(work); // a chosen file was held against another schema
  };
  const choose = (file) => { if (file) put(work, ready(file, schema, original, work)); };
  put(root, h('h1', null, 'Upload'), original ? mending(original) : null, schemaChoice(schema.schemas, change), about, picker(choose, signal), work);
}

/** A choice if there is one to make. */
function schemaChoice(names, change) {
  if (!names.length) return null;
  return h('p', null, h('label', null, 'Kind of file ', h('select', { id: 'schema', onchange: change },
    h('option', { value: '' }, 'default'), names.map((name) => h('option', { value: name }, name)))));
}

function expected({ columns, limits }) {
  return h('section', { class: 'card' }, h('h2', null, 'What a file looks like'),
    h('p', null, 'A first line with these columns, in any order: ',
      columns.required.map((c, i) => [i ? ', ' : '', h('code', null, c)]), '. ',
      'Others are kept; ', h('code', null, columns.event_id), ' is optional.'),
    h('p', { class: 'quiet' }, `CSV with comma, semicolon, tab or bar, or one JSON object a line; gzip and zstd too. Up to ${bytes(limits.upload_bytes)} and ${number(limits.rows)} rows. Rows that are wrong are listed and can be mended; the others count.`),
    h('p', null, h('button', { type: 'button', class: 'link', onclick: () => save(sampleFile(), 'events.csv') }, 'Save a sample file')));
}

/** Says which batch the file makes good. */
function mending(b) {
  return h('section', { class: 'card' },
    h('h2', null, 'A mended file for ', h('a', linkTo({ view: 'batch', id: b.batch_id }), b.file_name || b.batch_id)),
    h('p', null, `Of its ${plural(b.failed_count, 'rejected row')}, ${number(b.open_error_count)} are still open. `,
      h('a', { href: '?view=upload' }, 'Upload another file')));
}

function picker(choose, signal) {
  const input = h('input', { type: 'file', id: 'file', class: 'vh', accept: '.csv,.tsv,.txt,.ndjson,.jsonl,.gz,.zst,text/csv', onchange: () => { choose(input.files[0]); input.value = ''; } });
  const zone = h('label', { class: 'drop', for: 'file' }, h('strong', null, 'Drop a file here, paste rows, or choose one'), h('span', { class: 'quiet' }, 'It is not sent yet.'));
  const over = (on) => (e) => { e.preventDefault(); zone.classList.toggle('over', on); };
  for (const [name, act] of [['dragover', over(true)], ['dragleave', over(false)], ['drop', (e) => { over(false)(e); choose(e.dataTransfer.files[0]); }]]) zone.addEventListener(name, act);
  document.addEventListener('paste', (e) => {
    if (e.target.closest?.('input, textarea')) return;
    const text = e.clipboardData.getData('text');
    choose(e.clipboardData.files[0] ?? (text.includes('\n') ? new File([text], 'pasted.csv', { type: 'text/csv' }) : null));
  }, { signal });
  // A file that is dropped beside the zone must not replace the page.
  for (const name of ['dragover', 'drop']) document.addEventListener(name, (e) => e.preventDefault(), { signal });
  return h('div', { class: 'picker' }, input, zone);
}

/** A chosen file that waits for the word. */
function ready(file, schema, original, work) {
  const tooLarge = file.size > schema.limits.upload_bytes && !/\.(gz|zst)$/i.test(file.name);
  const now = h('input', { type: 'checkbox', checked: true });
  const strict = h('input', { type: 'checkbox' });
  const dry = h('input', { type: 'checkbox' });
  const dedupe = h('select', { id: 'dedupe' }, h('option', { value: '' }, 'are counted'),
    h('option', { value: 'occurrence' }, 'are left out'),
    h('option', { value: 'event_id' }, `are left out by their ${schema.columns.event_id}`));
  const key = newKey(); // of this choice: sending again is safe
  const start = () => run(file, { key, process: now.checked, strict: strict.checked, dryRun: dry.checked, dedupe: dedupe.value, repairs: original?.batch_id, schema: schema.schema }, work);
  const go = h('button', { type: 'button', class: 'primary', onclick: start, disabled: tooLarge }, 'Upload');
  requestAnimationFrame(() => go.focus());
  return h('section', { class: 'card' }, h('h2', null, file.name), h('p', null, bytes(file.size)),
    tooLarge ? h('p', { class: 'bad' }, `The server takes up to ${bytes(schema.limits.upload_bytes)}. Split the file.`) : null,
    h('p', null, h('label', null, now, ' count it at once')),
    h('p', null, h('label', null, strict, ' all or nothing')),
    h('p', null, h('label', null, dry, ' try without storing')),
    h('p', null, h('label', null, 'Rows that were uploaded before ', dedupe), h('span', { class: 'quiet' }, ' Known are those of files that left rows out too.')), h('p', { class: 'row' }, go));
}

// The place of an upload under way, which is there again when the reader comes
// back.
let running = null;

/** An upload under way. It goes on when the reader looks at another page. */
async function run(file, options, work) {
  const stop = new AbortController();
  const leave = (e) => e.preventDefault();
  addEventListener('beforeunload', leave);
  running = work;
  const bar = h('progress', { max: 1, value: 0, 'aria-label': 'Upload' });
  const says = h('p', { 'aria-live': 'off' }, 'Starting …');
  put(work, h('section', { class: 'card' }, h('h2', null, file.name), bar, says,
    h('p', null, h('button', { type: 'button', onclick: () => stop.abort() }, 'Cancel'))));
  const show = (node) => put(work, node);
  const began = performance.now();
  const progress = (sent, total) => {
    const seconds = (performance.now() - began) / 1000;
    const rate = sent / Math.max(seconds, 0.001);
    bar.value = sent / total;
    says.textContent = sent < total
      ? `${bytes(sent)} of ${bytes(total)} · ${bytes(rate)}/s · ${clock((total - sent) / rate)} left`
      : `All ${bytes(total)} sent · the server is ${options.dryRun ? 'reading' : 'storing'} them`;
  };
  try {
    const answer = await sendFile(file, { ...options, signal: stop.signal, progress });
    if (options.dryRun) return show(preview(answer, () => run(file, { ...options, dryRun: false }, work)));
    if (answer.duplicate_of) return show(known(answer, () => run(file, { ...options, allowDuplicate: true }, work)));
    show(receipt(answer, (performance.now() - began) / 1000, work));
    if (!work.isConnected) toast(`${file.name} is uploaded.`, h('a', linkTo({ view: 'batch', id: answer.batch_id }), 'Show it'));
  } catch (err) {
    const again = () => run(file, options, work);
    if (err.name === 'AbortError') show(h('section', { class: 'card' }, h('p', null, 'Cancelled. ', h('button', { type: 'button', onclick: again }, 'Send it after all'))));
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
    found ? h('section', { class: 'card' }, h('p', null, 'The file has these columns: ', found.length ? found.map((c, i) => [i ? ', ' : '', h('code', null, c)]) : 'none', '.'),
      guess ? Object.entries(guess).map(([want, have]) => h('p', null, 'Is ', h('code', null, have), ' meant to be ', h('code', null, want), '?')) : null) : null,
    errors.length ? h('section', { class: 'card' }, h('h2', null, plural(err.body.failed_count, 'rejected row')), grouped(err.body)) : null);
}

/** Says that an earlier batch has the content of the file; again stores it all the same. */
function known(answer, again) {
  return h('section', { class: 'card', 'aria-live': 'polite' },
    h('h2', null, 'This file was uploaded before ', badge(answer.status)),
    h('p', null, 'Nothing was stored: its content is that of ', h('a', linkTo({ view: 'batch', id: answer.duplicate_of }), 'an earlier batch'), '.'),
    h('p', { class: 'row' }, button('Store it once more', again)));
}

/** What the server has made of the file. */
function receipt(answer, seconds, work) {
  const status = h('span', null, badge(answer.status));
  const next = h('div', { class: 'row' });
  const after = (state) => {
    put(status, badge(state));
    put(next,
      state === 'uploaded' ? processButton(answer.batch_id, () => settle(), answer.batch_id) : null,
      state === 'completed' ? h('a', { class: 'primary', href: '?' }, 'See the numbers') : null,
      h('a', { class: 'secondary', ...linkTo({ view: 'batch', id: answer.batch_id }) }, 'Show the batch'));
  };
  const settle = async () => {
    for (let state = 'queued', wait = 100; state !== 'completed' && state !== 'failed'; wait = Math.min(wait * 1.5, 2000)) {
      await new Promise((resolve) => setTimeout(resolve, wait));
      if (!work.contains(next)) return; // another file has its place
      ({ status: state } = await get(`batches/${answer.batch_id}`));
      after(state);
    }
  };
  after(answer.status);
  if (answer.status !== 'uploaded') settle().catch(() => {});
  const all = answer.inserted_count + answer.failed_count + answer.duplicate_count;
  return h('section', { class: 'card receipt', 'aria-live': 'polite' },
    h('h2', null, `${plural(answer.inserted_count, 'event')} stored `, status),
    h('p', { class: 'quiet' }, `in ${seconds.toFixed(1)} s · batch ${answer.batch_id}`),
    answer.process_error ? h('p', { class: 'bad' }, answer.process_error) : null,
    answer.failed_count ? [
      h('h3', null, `${plural(answer.failed_count, 'row')} rejected (${percent(answer.failed_count / all)})`),
      grouped(answer), h('p', null, repair(answer.batch_id))] : h('p', null, answer.duplicate_count ? 'No row was rejected.' : 'Every row was accepted.'),
    answer.duplicate_count ? h('p', null, `${plural(answer.duplicate_count, 'row')} left out: uploaded before.`) : null,
    warned(answer.warnings),
    next);
}

/** Rules that stored rows have broken. */
function warned(warnings) {
  return warnings.length ? [h('h3', null, 'Stored, but worth a look'), h('ul', null, warnings.map((w) => h('li', null,
    `${w.message}: ${plural(w.count, 'row')}, the first in line ${number(w.line)}`)))] : null;
}

/** Saves the rejected rows as a file to mend. */
export function repair(id) {
  return button('Save the rejected rows to mend them', async () => save(await (await request(`batches/${id}/errors`)).blob(), `${id}-errors.csv`));
}

/** Rejected rows by reason, each with a sample. */
function grouped({ errors, errors_truncated: truncated }) {
  const groups = Map.groupBy(errors, (e) => `${e.code} ${e.column}`);
  return [h('div', { class: 'scroll' }, h('table', null,
    h('thead', null, h('tr', null, ['Rows', 'Reason', 'First', 'Value'].map((t) => h('th', { scope: 'col' }, t)))),
    h('tbody', null, [...groups.values()].map((g) => h('tr', null,
      h('td', { class: 'num' }, number(g.length)), h('td', null, g[0].error_reason),
      h('td', null, `line ${number(g[0].line)}`), h('td', null, g[0].value === '' ? h('span', { class: 'quiet' }, 'empty') : h('code', null, g[0].value))))))),
  truncated ? h('p', { class: 'quiet' }, `Counted among the first ${errors.length}.`) : null];
}
