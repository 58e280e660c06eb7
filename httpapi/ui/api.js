// The server, as the pages see it.

const key = 'eventmetrics.token';
const base = new URL('./', location.href);

/** An answer that is an error, or no answer at all (status 0). */
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

/** Takes the token out of the fragment, where no server and no log sees it. */
export function takeToken() {
  const token = new URLSearchParams(location.hash.slice(1)).get('token');
  if (!token) return false;
  setToken(token);
  history.replaceState(null, '', location.pathname + location.search);
  return true;
}

export function setToken(token) { sessionStorage.setItem(key, token); }

export function hasToken() { return sessionStorage.getItem(key) !== null; }

export function address(path) { return new URL(path, base).href; }

export function authorization() {
  const token = sessionStorage.getItem(key);
  return token === null ? {} : { Authorization: `Bearer ${token}` };
}

/** Whether an error says that the token is not, or no longer, accepted. */
export const refused = (err) => err instanceof Problem && (err.status === 401 || err.status === 403);

/** Tells the page of an error that nobody else shows. */
export const tell = (err) => { dispatchEvent(new CustomEvent('fault', { detail: err })); };

/** Tells the page whether the server can be reached. */
export const reachable = (yes) => { dispatchEvent(new CustomEvent('reachable', { detail: yes })); };

/** Makes a request and returns the response; throws a Problem. */
export async function request(path, options = {}) {
  const token = sessionStorage.getItem(key) ?? 'none';
  if (!/^[\x21-\x7e]+$/.test(token)) throw new Problem(403, { detail: 'the token is not accepted' }); // no header can have it
  let response;
  try {
    // What was changed a moment ago must show, whatever Cache-Control allows.
    response = await fetch(address(path), { cache: 'no-cache', ...options, headers: { ...authorization(), ...options.headers } });
  } catch (err) {
    if (err.name === 'AbortError') throw err;
    throw new Problem(0, { detail: 'the server cannot be reached' });
  }
  if (response.ok) return response;
  throw new Problem(response.status, await response.json().catch(() => ({})), response.headers);
}

export async function get(path, signal) {
  return (await request(path, { signal })).json();
}

export async function send(method, path, headers) {
  const response = await request(path, { method, headers });
  return response.status === 204 ? null : response.json();
}

/** The answer to a query, without data where the server has none. */
export async function series(params, signal) {
  try {
    return await get(`metrics?${new URLSearchParams(params)}`, signal);
  } catch (err) {
    if (err instanceof Problem && err.status === 404) return { data: [] };
    throw err;
  }
}

/** Its data. */
export const metrics = async (params, signal) => (await series(params, signal)).data;

/** A command line that asks the same. */
export function curl(path) {
  return `curl -H "Authorization: Bearer $ADMIN_TOKEN" '${address(path).replaceAll("'", '%27')}'`;
}

/** What a person can do about a problem. */
export function advice(problem) {
  if (!(problem instanceof Problem)) return 'This is a mistake of the page. Load it again.';
  switch (true) {
    case problem.status === 0:
      return 'Is it running, and is your network up? The page tries again by itself.';
    case problem.status === 401 || problem.status === 403:
      return 'Enter the token that the server was started with.';
    case problem.status === 429:
      return 'Wait for the countdown, then send again: nothing was stored.';
    case problem.code === 'in_flight':
      return 'Wait for the countdown, then send again. After a crash of the server this may take two minutes.';
    case problem.code === 'busy':
      return 'The server is busy or a part of it is away. Try again in a few seconds.';
    case problem.code === 'conflict':
      return 'Somebody was quicker. Look at the present state and decide anew.';
    case problem.code === 'missing_column':
      return 'Rename the columns in the first line of the file, then send it again: nothing was stored.';
    case problem.code === 'ambiguous_time':
      return 'Say below which is meant, and the file is sent again: nothing was stored.';
    case problem.code === 'no_rows':
      return 'The file has a header at most. Check that you chose the right one.';
    case problem.code === 'no_valid_row':
      return 'Mend the rows below, then send the file again: nothing was stored.';
    case problem.code === 'too_many_errors':
      return 'Mend the rows below, then send the file again, or without “all or nothing”: nothing was stored.';
    case problem.code === 'too_large':
      return 'Split the file, or ask the operator for a greater MAX_UPLOAD_BYTES.';
    case problem.code === 'too_many_distinct_rows':
      return 'Split the file, keep equal rows together, or send it without leaving rows out.';
    case problem.code === 'not_found':
      return 'It may have been deleted meanwhile.';
    case problem.status >= 500:
      return `Tell the operator${problem.body.request_id ? ` the request id ${problem.body.request_id}` : ''}: the log has the cause.`;
  }
  return 'Change what the message names, and try again.';
}
