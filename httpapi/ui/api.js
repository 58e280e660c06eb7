// Requests to the server.

const base = new URL('./', location.href);
base.username = base.password = ''; // of an address with a password, which fetch refuses

/** An error response, or no response at all (status 0). */
export class Problem extends Error {
  constructor(status, body, headers) {
    super(body.detail ?? body.message ?? `status ${status}`);
    this.status = status;
    this.code = body.code ?? '';
    this.body = body;
    const seconds = Number(headers?.get('Retry-After'));
    this.retryAfter = Number.isFinite(seconds) && seconds > 0 ? seconds : 0;
  }
}

let me = { signed_in: false, name: '', role: '', sign_in: '' };

/** Who is signed in, as the server said last; sign_in is empty before. */
export const who = () => me;

const rights = {
  counts: ['overview', 'viewer', 'admin'],
  batches: ['viewer', 'admin'],
  upload: ['uploader', 'admin'],
  change: ['admin'],
};

/** Whether the role of the person includes a right. The server decides; this only hides what would be refused. */
export const may = (right) => rights[right].includes(me.role);

/** Asks the server who is signed in. */
export async function learn() {
  try {
    me = await get('session');
  } catch (err) {
    if (err instanceof Problem && err.status === 0) throw err;
    me = { signed_in: false, name: '', role: '', sign_in: 'elsewhere', sign_in_url: null }; // something before the server asks for more
  }
  document.documentElement.dataset.role = me.role;
}

/** Exchanges a token for a cookie, which no script can read. Throws a Problem. */
export async function signIn(token, keep) {
  if (!/^[\x21-\x7e]+$/.test(token)) throw new Problem(403, { detail: 'the token is not accepted' }); // no header can have it
  await request(`session${keep ? '?keep=true' : ''}`, { method: 'POST', headers: { Authorization: `Bearer ${token}` } });
  await learn();
}

export async function signOut() {
  await request('session', { method: 'DELETE' });
  await learn();
}

export function address(path) { return new URL(path, base).href; }

/** Whether an error means that the server does not know the person, or refuses this. */
export const refused = (err) => err instanceof Problem && (err.status === 401 || err.status === 403);

/** Reports an error to the page, which shows it. */
export const report = (err) => { dispatchEvent(new CustomEvent('fault', { detail: err })); };

/** Reports to the page whether the server can be reached. */
export const reachable = (yes) => { dispatchEvent(new CustomEvent('reachable', { detail: yes })); };

/** Makes a request and returns the response; throws a Problem. */
export async function request(path, options = {}) {
  let response;
  try {
    // A change made a moment ago must be visible, whatever Cache-Control allows.
    response = await fetch(address(path), { cache: 'no-cache', ...options });
  } catch (err) {
    if (err.name === 'AbortError') throw err;
    throw new Problem(0, { detail: 'the server cannot be reached' });
  }
  if (response.ok) return response;
  throw new Problem(response.status, await response.json().catch(() => ({})), response.headers);
}

/** Returns an answer. What only lists batches is empty for a person who may not see them. */
export async function get(path, signal) {
  if (/^batches(\?|$)/.test(path) && !may('batches')) return { data: [] };
  return (await request(path, { signal })).json();
}

export async function send(method, path, headers) {
  const response = await request(path, { method, headers });
  return response.status === 204 ? null : response.json();
}

/** Returns the answer to a query; its data is empty where the server has none. */
export async function series(params, signal) {
  try {
    return await get(`metrics?${new URLSearchParams(params)}`, signal);
  } catch (err) {
    if (err instanceof Problem && err.status === 404) return { data: [] };
    throw err;
  }
}

/** Returns the data of that answer. */
export const metrics = async (params, signal) => (await series(params, signal)).data;

/** Returns the curl command that makes the same request. */
export function curl(path) {
  return `curl -H "Authorization: Bearer $TOKEN" '${address(path).replaceAll("'", '%27')}'`;
}

/** Returns how a file of another format becomes one that can be uploaded. */
function conversion(format) {
  switch (format) {
    case 'xlsx': case 'xls': case 'ods':
      return 'In the spreadsheet program choose File, Save As, and the type “CSV UTF-8”. Then upload the saved file.';
    case 'zip': case '7z': case 'gzip': case 'zstd': case 'bzip2': case 'xz':
      return 'Unpack the file and upload the CSV file that is in it.';
    case 'json':
      return 'Write one JSON object per line and name the file .ndjson, or export it as CSV.';
    case 'ndjson':
      return 'Name the file .ndjson or .jsonl and upload it again.';
  }
  return 'Export the rows as CSV where the file comes from, and upload that file.';
}

/** Returns what the user can do about a problem. */
export function advice(problem) {
  if (!(problem instanceof Problem)) return 'Something went wrong on this page. Reload it.';
  switch (true) {
    case problem.status === 0:
      return 'Check that the server is running and that you are online.';
    case problem.status === 401:
      return 'Sign in again.';
    case problem.status === 403:
      return me.signed_in ? `You are signed in as ${me.name || 'a user'} with the role ${me.role || 'none'}. Ask the operator for a token that may do this.` : 'Check the token, or ask the operator for another.';
    case problem.status === 429:
      return 'Nothing was stored. Wait for the countdown, then send the file again.';
    case problem.code === 'in_flight':
      return 'The file is sent again after the countdown. After a server crash this can take 15 seconds.';
    case problem.code === 'storage_full':
      return 'The server has no disk space left. Nothing was stored. Ask its operator to make room, then try again.';
    case problem.code === 'busy':
      return 'The server is busy, or its database or queue is unavailable. Try again in a few seconds.';
    case problem.code === 'conflict':
      return 'Someone changed this in the meantime. Reload and try again.';
    case problem.code === 'missing_column':
      return 'Nothing was stored. Rename the columns in the first line of the file and upload it again.';
    case problem.code === 'duplicate_column':
      return 'Nothing was stored. Rename or remove all but one of these columns and upload the file again.';
    case problem.code === 'bad_header':
      return 'Nothing was stored. The file needs one line with the names of its columns before the rows, as the sample file has.';
    case problem.code === 'other_format':
      return `Nothing was stored. ${conversion(problem.body.format)}`;
    case problem.code === 'several_files':
      return 'Nothing was stored. Upload each file by itself.';
    case problem.code === 'too_many_repairs':
      return 'Nothing was stored. Upload only the rows that were rejected: download them from the batch, fix them, and upload that file.';
    case problem.code === 'idempotency_key_reused':
      return 'Nothing was stored. Choose the file again: it has changed since it was chosen.';
    case problem.code === 'unsupported_media_type':
      return 'Nothing was stored. Upload a CSV file, or one JSON object per line.';
    case problem.code === 'timeout':
      return 'Nothing was stored. Check the connection and upload the file again.';
    case problem.code === 'ambiguous_time':
      return 'Nothing was stored. Choose the date order to upload the file again.';
    case problem.code === 'no_rows':
      return 'The file is empty or has only a header. Check that you chose the right file.';
    case Boolean(problem.body.read_as?.encoding_hint):
      return 'The text is not UTF-8. Choose below what to do.';
    case problem.code === 'no_valid_row':
      return 'Fix the rows below and upload the file again.';
    case problem.code === 'too_many_errors':
      return 'Fix the rows below and upload the file again, or clear “Reject the file if any row is invalid”.';
    case problem.code === 'too_large':
      return 'Split the file, or ask the operator to raise MAX_UPLOAD_BYTES.';
    case problem.code === 'too_many_distinct_rows':
      return 'Split the file so that identical rows stay in the same part, or upload it without skipping rows.';
    case problem.code === 'not_found':
      return 'It may have been deleted in the meantime.';
    case problem.status >= 500:
      return `Report this to the operator${problem.body.request_id ? ` with the request ID ${problem.body.request_id}` : ''}. The cause is in the server log.`;
  }
  return 'Correct what the message names and try again.';
}
