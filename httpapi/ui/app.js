// Draws the page that the address names.
import { h, keepFocus, modal, put } from './dom.js';
import { address, learn, may, Problem, refused, signIn, signOut, who } from './api.js';
import { catchLinks, params, remembered, takeToken } from './nav.js';
import { problemBox } from './problem.js';
import { overview } from './overview.js';
import { signInPage } from './signin.js';

// The first that a person may see is shown if the address names none.
const pages = {
  overview: { draw: overview, title: 'Overview', seen: () => may('counts') },
  upload: { draw: async (...to) => (await import('./upload.js')).upload(...to), title: 'Upload', seen: () => may('upload') },
  batches: { draw: async (...to) => (await import('./batches.js')).batches(...to), title: 'Batches', seen: () => may('batches') },
  batch: { draw: async (...to) => (await import('./batch.js')).batch(...to), title: 'Batch', tab: 'batches', seen: () => may('batches') || may('upload') },
  dead: { draw: async (...to) => (await import('./dead.js')).dead(...to), title: 'Dead letters', seen: () => may('batches') },
};
const product = document.querySelector('meta[name=application-name]').content;

const main = document.getElementById('main');
const banner = document.getElementById('banner');
let current = new AbortController(); // of the page that is shown
let drawn = '';

async function draw() {
  current.abort();
  current = new AbortController();
  const { signal } = current;
  try {
    if (!who().sign_in) await learn();
  } catch (err) {
    return failed(err, signal);
  }
  if (signal.aborted) return undefined;
  showPerson();
  if (!who().signed_in) return showSignIn();
  return drawPage(signal);
}

/** The page that the address names, or else the first that the person may see. */
function pageName() {
  const named = params().get('view') ?? '';
  if (Object.hasOwn(pages, named)) return named;
  return Object.keys(pages).find((name) => pages[name].seen()) ?? 'overview';
}

async function drawPage(signal) {
  const name = pageName();
  const page = pages[name];
  document.title = `${page.title} · ${product}`;
  for (const link of document.querySelectorAll('[data-view]')) {
    link.toggleAttribute('aria-current', false);
    if (link.dataset.view === (page.tab ?? name) && !link.matches('.brand')) link.setAttribute('aria-current', 'page');
  }
  for (const box of document.querySelectorAll('dialog')) box.remove();
  main.setAttribute('aria-busy', 'true');
  // The new page is drawn aside: the old one stays until the new one is complete.
  const root = h('div', { class: `page ${name}` });
  try {
    if (!page.seen()) throw new Problem(403, { detail: `The role ${who().role} may not see this page` });
    await page.draw(root, { signal });
    if (!signal.aborted) { keepFocus(() => main.replaceChildren(root)); online(); performance.mark('drawn'); setTimeout(others, 5000); }
  } catch (err) {
    if (signal.aborted) return undefined;
    failed(err, signal);
  }
  if (signal.aborted) return undefined;
  main.removeAttribute('aria-busy');
  if (drawn && drawn !== name) main.focus({ preventScroll: true });
  if (drawn !== name) scrollTo(0, remembered().y ?? 0);
  drawn = name;
  return undefined;
}

/** Loads the other pages, so that they open at once, and also while the server is unavailable. */
function others() { import('./batches.js').catch(() => {}); }

function failed(err, signal) {
  console.debug(err);
  if (err instanceof Problem && err.status === 401) return ask();
  if (err instanceof Problem && err.status === 0) return offline(signal);
  return put(main, problemBox(err, h('p', null, h('button', { type: 'button', onclick: draw }, 'Try again'))));
}

/** Asks the server who is signed in, because a session has ended, and shows the page to sign in. */
async function ask() {
  await learn().catch(() => {});
  showSignIn();
}

/** Shows the page to sign in, at the same address, so that the person is then where it was. */
function showSignIn(err) {
  current.abort();
  drawn = '';
  showPerson(err ? { signed_in: false } : who());
  document.title = `Sign in · ${product}`;
  for (const box of document.querySelectorAll('dialog')) box.remove();
  main.removeAttribute('aria-busy');
  put(main, signInPage(who(), err, async (token, keep) => {
    try {
      await signIn(token, keep);
    } catch (wrong) {
      return showSignIn(wrong);
    }
    return draw();
  }));
  main.querySelector('input, button, a')?.focus();
}

/** Shows in the bar who is signed in, and only the pages that this person may see. */
function showPerson({ signed_in: known, name, role, sign_in: by } = who()) {
  for (const link of document.querySelectorAll('nav [data-view]')) link.hidden = !known || !pages[link.dataset.view].seen();
  put(document.getElementById('who'), known && name ? h('span', { title: `Role: ${role}` }, name) : null,
    known && by === 'token' ? h('button', { type: 'button', class: 'link', onclick: async () => { await signOut().catch(failed); draw(); } }, 'Sign out') : null);
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

/** Signs in with the token in the address, if there is one, and draws the page. */
async function enter() {
  const token = takeToken();
  if (!token) return draw();
  try {
    await signIn(token, false);
  } catch (err) {
    if (err.status === 0) return failed(err, current.signal);
    await learn().catch(() => {});
    return showSignIn(err);
  }
  return draw();
}

catchLinks();
addEventListener('reachable', ({ detail: yes }) => (yes ? online() : showOffline()));
addEventListener('fault', ({ detail: err }) => {
  if (refused(err) && err.status === 401) return ask();
  return modal('Something went wrong', [problemBox(err)]).showModal();
});
addEventListener('navigate', draw);
// A page in the back/forward cache must not keep its stream open: browsers open
// at most six connections to a server.
addEventListener('pagehide', () => current.abort());
addEventListener('pageshow', (e) => { if (e.persisted) draw(); });
addEventListener('hashchange', enter);
enter();
