// Draws the page that the address names.
import { h, keepFocus, modal, put } from './dom.js';
import { address, hasToken, Problem, refused, setToken, takeToken } from './api.js';
import { catchLinks, params } from './nav.js';
import { problemBox } from './problem.js';
import { overview } from './overview.js';
import { upload } from './upload.js';
import { batches } from './batches.js';
import { batch } from './batch.js';
import { dead } from './dead.js';

const pages = {
  overview: { draw: overview, title: 'Overview' },
  upload: { draw: upload, title: 'Upload' },
  batches: { draw: batches, title: 'Batches' },
  batch: { draw: batch, title: 'Batch', tab: 'batches' },
  dead: { draw: dead, title: 'Dead letters' },
};

const main = document.getElementById('main');
const banner = document.getElementById('banner');
let current = new AbortController(); // of the page that is shown
let drawn = '';

async function draw() {
  current.abort();
  current = new AbortController();
  const { signal } = current;
  const name = Object.hasOwn(pages, params().get('view') ?? '') ? params().get('view') : 'overview';
  const page = pages[name];
  document.title = `${page.title} · eventmetrics`;
  for (const link of document.querySelectorAll('[data-view]')) {
    link.toggleAttribute('aria-current', false);
    if (link.dataset.view === (page.tab ?? name) && !link.matches('.brand')) link.setAttribute('aria-current', 'page');
  }
  for (const box of document.querySelectorAll('dialog')) box.remove();
  main.setAttribute('aria-busy', 'true');
  // The new page is drawn aside: the old one stays until the new one is complete.
  const root = h('div', { class: `page ${name}` });
  try {
    await page.draw(root, { signal });
    if (!signal.aborted) { keepFocus(() => main.replaceChildren(root)); online(); performance.mark('drawn'); }
  } catch (err) {
    if (signal.aborted) return;
    failed(err, signal);
  }
  if (signal.aborted) return;
  main.removeAttribute('aria-busy');
  if (drawn && drawn !== name) { main.focus({ preventScroll: true }); scrollTo(0, 0); }
  drawn = name;
}

function failed(err, signal) {
  console.debug(err);
  if (refused(err)) return put(main, signIn(err));
  if (err instanceof Problem && err.status === 0) return offline(signal);
  put(main, problemBox(err, h('p', null, h('button', { type: 'button', onclick: draw }, 'Try again'))));
}

/** The form that asks for the token. */
function signIn(err) {
  const wrong = err.status === 403 && hasToken();
  const token = h('input', { type: 'password', autocomplete: 'current-password', required: true, 'aria-describedby': 'hint', 'aria-invalid': wrong ? 'true' : null });
  requestAnimationFrame(() => token.focus());
  return h('form', { class: 'card signin', onsubmit: (e) => { e.preventDefault(); setToken(token.value.trim()); draw(); } },
    h('h1', null, 'Sign in'),
    wrong ? h('p', { class: 'bad', role: 'alert' }, 'This token is not accepted.') : null,
    h('label', null, 'Admin token ', token),
    h('p', { id: 'hint', class: 'quiet' }, 'Enter the ADMIN_TOKEN that the server was started with, or open the link that the server printed at startup. The token is kept until you close this tab.'),
    h('p', null, h('button', { class: 'primary' }, 'Sign in')));
}

/** Shows that the server is unavailable. */
function showOffline() {
  put(banner, h('p', null, h('strong', null, 'The server cannot be reached. '), 'Is it running? This page reconnects automatically.'));
}

/** Shows that the server is unavailable, and polls it until it answers. */
function offline(signal) {
  showOffline();
  if (!main.querySelector('.page')) put(main, h('p', { class: 'empty' }, 'Nothing to show while the server is unavailable.'));
  const poll = async () => {
    if (signal.aborted) return;
    try {
      if ((await fetch(address('healthz'), { signal })).ok) return draw();
      throw new Error('not yet');
    } catch {
      setTimeout(poll, 2000);
    }
  };
  setTimeout(poll, 2000);
}

function online() { banner.replaceChildren(); }

takeToken();
catchLinks();
addEventListener('reachable', ({ detail: yes }) => (yes ? online() : showOffline()));
addEventListener('fault', ({ detail: err }) => {
  if (refused(err)) return put(main, signIn(err));
  modal('Something went wrong', [problemBox(err)]).showModal();
});
addEventListener('navigate', draw);
// A page in the back/forward cache must not keep its stream open: browsers open
// at most six connections to a server.
addEventListener('pagehide', () => current.abort());
addEventListener('pageshow', (e) => { if (e.persisted) draw(); });
addEventListener('hashchange', () => { if (takeToken()) draw(); });
draw();
