import { h } from './dom.js';

/**
 * Returns the page where a person signs in: a form for a token, or a link to the
 * program that knows its users. Calls enter(token, keep).
 */
export function signInPage(session, err, enter) {
  return session.sign_in === 'elsewhere' ? elsewhere(session) : form(err, enter);
}

function form(err, enter) {
  const token = h('input', { type: 'password', autocomplete: 'current-password', required: true, 'aria-describedby': 'hint', 'aria-invalid': err ? 'true' : null });
  const keep = h('input', { type: 'checkbox' });
  return h('form', { class: 'card signin', onsubmit: (e) => { e.preventDefault(); enter(token.value.trim(), keep.checked); } },
    h('h1', null, 'Sign in'),
    err ? h('p', { class: 'bad', role: 'alert' }, err.status === 403 ? 'This token is not accepted.' : `Signing in failed: ${err.message}.`) : null,
    h('label', null, 'Token ', token),
    h('p', { id: 'hint', class: 'quiet' }, 'Enter the ADMIN_TOKEN that the server was started with or a token from its operator, or open the link that the server printed at startup.'),
    h('label', { class: 'check' }, keep, ' Keep me signed in on this device'),
    h('p', null, h('button', { class: 'primary' }, 'Sign in')));
}

function elsewhere({ sign_in_url: url }) {
  return h('section', { class: 'card signin' },
    h('h1', null, 'You are not signed in'),
    h('p', null, url ? 'Sign in to see this page.' : 'Reload the page to sign in again.'),
    h('p', null, url ? h('a', { class: 'secondary', href: back(url) }, 'Sign in')
      : h('button', { type: 'button', class: 'primary', onclick: () => location.reload() }, 'Reload')));
}

/** The page to sign in, which then returns to this one. */
function back(url) {
  const to = new URL(url, location.href);
  to.searchParams.set('return_to', location.pathname + location.search);
  return to.href;
}
