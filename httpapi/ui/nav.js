// The address of a page holds all of its state.

/** The parameters of the current page. */
export const params = () => new URLSearchParams(location.search);

/**
 * Returns the token in the fragment of the address, which no server and no log
 * sees, and takes it out of the address; '' if there is none.
 */
export function takeToken() {
  const token = new URLSearchParams(location.hash.slice(1)).get('token') ?? '';
  if (token) history.replaceState(null, '', location.pathname + location.search);
  return token;
}

/** A query string from an object, without its empty values. */
export function queryOf(values) {
  const out = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    for (const v of [value].flat()) if (v !== '' && v !== null && v !== undefined) out.append(name, v);
  }
  return `?${out}`;
}

/** The names and values of an object, whose values may be lists. */
export const pairs = (values) => Object.entries(values).flatMap(([name, value]) => [value].flat().map((v) => [name, v]));

/**
 * The current address with some parameters changed; null removes one. Only the
 * value of a dimension may be empty.
 */
export function changed(values) {
  const now = params();
  for (const [name, value] of Object.entries(values)) {
    now.delete(name);
    for (const v of [value].flat()) if (v !== null && (v !== '' || name.startsWith('where.'))) now.append(name, v);
  }
  return `?${now}`;
}

/** What is remembered with the current entry of the history: y, the scroll position, and what pages add. */
export const remembered = () => history.state ?? {};

/** Remembers something with the current entry of the history. */
export function remember(values) { history.replaceState({ ...history.state, ...values }, ''); }

let scrolled = 0;

/** Remembers the scroll position, when it has not changed for a moment. */
function rememberScroll() {
  clearTimeout(scrolled);
  scrolled = setTimeout(() => { if (!document.querySelector('[aria-busy]')) remember({ y: scrollY }); }, 100);
}

/** Goes to another page, or to another state of this one. */
export function go(query, { replace = false, quiet = false } = {}) {
  clearTimeout(scrolled);
  if (!replace) remember({ y: scrollY });
  history[replace ? 'replaceState' : 'pushState'](replace ? history.state : null, '', query === '?' ? location.pathname : query);
  if (!quiet) dispatchEvent(new Event('navigate'));
}

/** Attributes of a link to a page of the dashboard. */
export const linkTo = (values) => ({ href: queryOf(values) });

/** Follows links that begin with ? without reloading the page. */
export function catchLinks() {
  document.addEventListener('click', (e) => {
    const link = e.target.closest?.('a[href^="?"]');
    if (!link || e.defaultPrevented || e.button !== 0 || e.metaKey || e.ctrlKey || e.shiftKey || e.altKey) return;
    e.preventDefault();
    link.closest('dialog')?.close();
    go(link.getAttribute('href'));
  });
  history.scrollRestoration = 'manual'; // the page is not drawn yet when the browser would scroll
  addEventListener('scroll', rememberScroll, { passive: true });
  addEventListener('popstate', () => {
    clearTimeout(scrolled);
    dispatchEvent(new Event('navigate'));
  });
}
