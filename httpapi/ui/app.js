// Finds the page that the address asks for and draws it.
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
let leave = new AbortController();
let drawn = '';

async function draw() {
  leave.abort();
  leave = new AbortController();
  const { signal } = leave;
  const name = Object.hasOwn(pages, params().get('view') ?? '') ? params().get('view') : 'overview';
  const page = pages[name];
  document.title = `${page.title} · eventmetrics`;
  for (const link of document.querySelectorAll('[data-view]')) {
    link.toggleAttribute('aria-current', false);
    if (link.dataset.view === (page.tab ?? name) && !link.matches('.brand')) link.setAttribute('aria-current', 'page');
  }
  for (const box of document.querySelectorAll('dialog')) box.remove();
  main.setAttribute('aria-busy', 'true');
  // Drawn aside, so that what is there stays until there is something better.
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
  if (refused(err)) return put(main, door(err));
  if (err instanceof Problem && err.status === 0) return offline(signal);
  put(main, problemBox(err, h('p', null, h('button', { type: 'button', onclick: draw }, 'Try again'))));
}

/** Asks for the token. */
function door(err) {
  const wrong = err.status === 403 && hasToken();
  const token = h('input', { type: 'password', autocomplete: 'current-password', required: true, 'aria-describedby': 'hint', 'aria-invalid': wrong ? 'true' : null });
  requestAnimationFrame(() => token.focus());
  return h('form', { class: 'card door', onsubmit: (e) => { e.preventDefault(); setToken(token.value.trim()); draw(); } },
    h('h1', null, 'Token'),
    wrong ? h('p', { class: 'bad', role: 'alert' }, 'This token is not accepted.') : null,
    h('label', null, 'The token of the server ', token),
    h('p', { id: 'hint', class: 'quiet' }, 'It is the ADMIN_TOKEN that the server was started with, or the one in the address that it printed. It is kept until you close this tab.'),
    h('p', null, h('button', { class: 'primary' }, 'Come in')));
}

/** Says that the server is away. */
function away() {
  put(banner, h('p', null, h('strong', null, 'The server cannot be reached. '), 'Is it running? This page looks for it and goes on by itself.'));
}

/** The server is away: says so, and looks for it until it is back. */
function offline(signal) {
  away();
  if (!main.querySelector('.page')) put(main, h('p', { class: 'empty' }, 'Nothing to show while the server is away.'));
  const look = async () => {
    if (signal.aborted) return;
    try {
      if ((await fetch(address('healthz'), { signal })).ok) return draw();
      throw new Error('not yet');
    } catch {
      setTimeout(look, 2000);
    }
  };
  setTimeout(look, 2000);
}

function online() { banner.replaceChildren(); }

takeToken();
catchLinks();
addEventListener('reachable', ({ detail: yes }) => (yes ? online() : away()));
addEventListener('fault', ({ detail: err }) => {
  if (refused(err)) return put(main, door(err));
  modal('That did not work', [problemBox(err)]).showModal();
});
addEventListener('navigate', draw);
// A page that is kept for the way back must not keep its stream: browsers open
// six connections to a server, and would wait for one of them.
addEventListener('pagehide', () => leave.abort());
addEventListener('pageshow', (e) => { if (e.persisted) draw(); });
addEventListener('hashchange', () => { if (takeToken()) draw(); });
draw();
