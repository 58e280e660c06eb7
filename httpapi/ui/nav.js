// The address of the page holds all of its state, but for the token.

/** The parameters of the present page. */
export const params = () => new URLSearchParams(location.search);

/** A query text from an object; what is empty is left out. */
export function queryOf(values) {
  const out = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    for (const v of [value].flat()) if (v !== '' && v !== null && v !== undefined) out.append(name, v);
  }
  return `?${out}`;
}

/** The present page with some parameters changed; null removes one. */
export function changed(values) {
  const now = params();
  for (const [name, value] of Object.entries(values)) {
    now.delete(name);
    for (const v of [value].flat()) if (v !== null && v !== '') now.append(name, v);
  }
  return `?${now}`;
}

/** Goes to another page, or state of this one. */
export function go(query, { replace = false, quiet = false } = {}) {
  history[replace ? 'replaceState' : 'pushState'](null, '', query === '?' ? location.pathname : query);
  if (!quiet) dispatchEvent(new Event('navigate'));
}

/** Attributes of a link to a page of ours. */
export const linkTo = (values) => ({ href: queryOf(values) });

/** Makes links that begin with ? go without loading the page anew. */
export function catchLinks() {
  document.addEventListener('click', (e) => {
    const link = e.target.closest?.('a[href^="?"]');
    if (!link || e.defaultPrevented || e.button !== 0 || e.metaKey || e.ctrlKey || e.shiftKey || e.altKey) return;
    e.preventDefault();
    link.closest('dialog')?.close();
    go(link.getAttribute('href'));
  });
  addEventListener('popstate', () => dispatchEvent(new Event('navigate')));
}
