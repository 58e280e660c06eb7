// The upload page: choose a file, send it, see the result.
import { h, put, save } from './dom.js';
import { get } from './api.js';
import { bytes, number, plural } from './format.js';
import { linkTo, params } from './nav.js';
import { newKey } from './sending.js';
import { enqueue, running } from './queue.js';
import { encodingChoice, zoneChoice } from './reading.js';
import { sampleFile } from './demo.js';

export async function upload(root, { signal }) {
  let schema = await get('schema', signal);
  const id = params().get('repairs');
  const original = id ? await get(`batches/${encodeURIComponent(id)}`, signal) : null;
  const work = running() ?? h('div', { id: 'work' });
  const about = h('div', null, expected(schema));
  const change = async (e) => {
    const name = e.target.value;
    const found = await get(`schema?${new URLSearchParams({ schema: name })}`, signal);
    if (e.target.value !== name) return; // another was chosen meanwhile
    schema = found;
    put(about, expected(schema));
    if (!running()) put(work); // the options of a chosen file are those of the other schema
  };
  const choose = (files) => {
    if (!files.length) return;
    const spot = h('div');
    for (const old of work.querySelectorAll('.ready')) old.remove(); // chosen before, and not sent
    put(spot, ready([...files], schema, original, spot));
    if (running()) work.append(spot); // below the uploads in progress
    else put(work, spot);
  };
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
  const input = h('input', { type: 'file', id: 'file', class: 'vh', multiple: true, accept: '.csv,.tsv,.txt,.ndjson,.jsonl,.gz,.zst,text/csv', onchange: () => { choose(input.files); input.value = ''; } });
  const zone = h('label', { class: 'drop', for: 'file' }, h('strong', null, 'Drop files here, paste rows, or click to choose files'), h('span', { class: 'quiet' }, 'Nothing is sent until you press Upload.'));
  const over = (on) => (e) => { e.preventDefault(); zone.classList.toggle('over', on); };
  for (const [name, act] of [['dragover', over(true)], ['dragleave', over(false)], ['drop', (e) => { over(false)(e); choose(e.dataTransfer.files); }]]) zone.addEventListener(name, act);
  document.addEventListener('paste', (e) => {
    if (e.target.closest?.('input, textarea')) return;
    const text = e.clipboardData.getData('text');
    const { files } = e.clipboardData;
    choose(files.length || !text.includes('\n') ? files : [new File([text], 'pasted.csv', { type: 'text/csv' })]);
  }, { signal });
  // A file that is dropped outside the zone must not replace the page.
  for (const name of ['dragover', 'drop']) document.addEventListener(name, (e) => e.preventDefault(), { signal });
  return h('div', { class: 'picker' }, input, zone);
}

/** The chosen files with their options, which hold for all of them. */
function ready(files, schema, original, spot) {
  const limit = schema.limits.upload_bytes;
  const tooLarge = (file) => file.size > limit && !/\.(gz|zst)$/i.test(file.name);
  const now = h('input', { type: 'checkbox', checked: true });
  const strict = h('input', { type: 'checkbox' });
  const dry = h('input', { type: 'checkbox' });
  const dedupe = h('select', { id: 'dedupe' }, h('option', { value: '' }, 'No'),
    h('option', { value: 'occurrence' }, 'Yes, by content'),
    h('option', { value: 'event_id' }, `Yes, by ${schema.columns.event_id}`));
  const zone = zoneChoice();
  const encoding = encodingChoice();
  const keys = files.map(newKey); // one for this choice, so that it is safe to send again
  const start = () => {
    if (!zone.valid()) return;
    const options = { process: now.checked, strict: strict.checked, dryRun: dry.checked, dedupe: dedupe.value, zone: zone.value(), encoding: encoding.value(), repairs: original?.batch_id, schema: schema.schema, several: files.length > 1 };
    const places = files.map(() => h('div', { class: 'upload' }));
    put(spot, places);
    files.forEach((file, i) => (tooLarge(file) ? put(places[i], oversized(file, limit)) : enqueue(file, { ...options, key: keys[i] }, places[i])));
  };
  const go = h('button', { type: 'button', class: 'primary', onclick: start, disabled: files.every(tooLarge) }, 'Upload');
  requestAnimationFrame(() => go.focus());
  return h('section', { class: 'card ready' }, chosen(files), files.filter(tooLarge).map((file) => h('p', { class: 'bad' }, `${file.name} is larger than the limit of ${bytes(limit)}. Split it.`)),
    h('p', null, h('label', null, now, ' Process right away')),
    h('p', null, h('label', null, strict, ' Reject the file if any row is invalid')),
    h('p', null, h('label', null, dry, ' Dry run: check without storing')),
    h('p', null, h('label', null, 'Skip rows already uploaded ', dedupe), h('span', { class: 'quiet' }, ' Compares only with files uploaded with this option.')),
    h('p', null, zone.node), h('p', null, encoding.node),
    h('p', { class: 'row' }, go));
}

const chosen = (files) => (files.length === 1 ? [h('h2', null, files[0].name), h('p', null, bytes(files[0].size))]
  : [h('h2', null, plural(files.length, 'file')), h('p', { class: 'quiet' }, 'They are uploaded one after the other. Each becomes a batch of its own.'),
    h('ul', null, files.map((file) => h('li', null, `${file.name}, ${bytes(file.size)}`)))]);

const oversized = (file, limit) => h('div', null, h('h2', null, file.name), h('div', { class: 'problem' },
  h('strong', null, 'Not uploaded.'), h('p', null, `The file is larger than the limit of ${bytes(limit)}. Split it and upload the parts.`)));
