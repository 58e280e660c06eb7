// Uploads with progress, which fetch does not report.
import { address, Problem } from './api.js';

/** Returns a new Idempotency-Key. */
export const newKey = () => crypto.randomUUID?.() ?? String(Math.random()); // randomUUID needs a secure context

/**
 * Sends a file and returns the answer. Throws a Problem, or an AbortError when
 * signal aborts. Options: process, strict, dryRun, demo, repairs (the id of a batch),
 * wait (seconds), key (an Idempotency-Key: with the same key it is safe to
 * send the file again), zone (of times without
 * one), encoding, layout (dmy or mdy), schema (a name), dedupe
 * (event_id or occurrence), allowDuplicate, signal, and progress(sent, total).
 */
export function upload(file, { process = false, strict = false, dryRun = false, demo = false, repairs = '', wait = 0, key = newKey(), zone = '', encoding = '', layout = '', schema = '', dedupe = '', allowDuplicate = false, signal, progress } = {}) {
  const query = new URLSearchParams({ file_name: file.name.slice(0, 200) });
  if (process) query.set('process', 'true');
  if (strict) query.set('mode', 'strict');
  if (dryRun) query.set('dry_run', 'true');
  if (demo) query.set('demo', 'true');
  if (repairs) query.set('repairs', repairs);
  if (zone) query.set('timestamp_zone', zone);
  if (encoding) query.set('encoding', encoding);
  if (layout) query.set('timestamp_layout', layout);
  if (schema) query.set('schema', schema);
  if (dedupe) query.set('dedupe', dedupe);
  if (allowDuplicate) query.set('on_duplicate', 'allow');
  const request = new XMLHttpRequest();
  request.open('POST', address(`uploads?${query}`));
  const headers = { 'Content-Type': contentType(file.name), 'Idempotency-Key': key };
  if (wait) headers.Prefer = `wait=${wait}`;
  for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
  return new Promise((resolve, reject) => {
    request.upload.onprogress = (e) => progress?.(e.loaded, e.total);
    request.onerror = () => reject(new Problem(0, { detail: 'the connection was lost' }));
    request.onload = () => {
      const body = parse(request.responseText);
      if (request.status === 201 || request.status === 200) resolve(body);
      else reject(new Problem(request.status, body, { get: (name) => request.getResponseHeader(name) }));
    };
    signal?.addEventListener('abort', () => {
      request.abort();
      reject(new DOMException('cancelled', 'AbortError'));
    });
    request.send(file);
  });
}

const contentType = (name) => (/\.(ndjson|jsonl)(\.gz|\.zst)?$/i.test(name) ? 'application/x-ndjson' : 'text/csv');

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}
