import { report } from './api.js';

// Elements are built node by node. No string ever becomes HTML, so that an event
// type or a file name stays text, whatever it contains.

/**
 * Returns a new element. Props that begin with "on" are listeners; "class",
 * "aria-…", "data-…" and the like are attributes; null and false leave a prop
 * out. Children are nodes, strings, numbers, or lists of them.
 */
export function h(tag, props, ...children) {
  return build(document.createElement(tag), props, children);
}

/** Returns a new SVG element. */
export function svg(tag, props, ...children) {
  return build(document.createElementNS('http://www.w3.org/2000/svg', tag), props, children);
}

function build(node, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (name === 'value' || name === 'checked') node[name] = value;
    else node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false).map(asNode));
  return node;
}

function asNode(child) {
  return child instanceof Node ? child : document.createTextNode(String(child));
}

/** Returns the head of a table. A column is its title, or [title, class]. */
export function tableHead(...columns) {
  return h('thead', null, h('tr', null, columns.map((c) => {
    const [title, kind = null] = [c].flat();
    return h('th', { scope: 'col', class: kind }, title);
  })));
}

/** Replaces the children of a node; takes the children that h takes. */
export function put(node, ...children) {
  node.replaceChildren();
  return build(node, null, children);
}

/**
 * Calls act, which replaces parts of the page. If that removes the element with
 * the focus, the focus moves to the element that replaced it.
 */
export function keepFocus(act) {
  const main = document.getElementById('main');
  const was = document.activeElement;
  const sign = main.contains(was) && was !== main ? signature(was) : '';
  act();
  if (!sign || main.contains(document.activeElement)) return;
  const same = [...main.querySelectorAll('a, button, select, input, summary')].find((e) => signature(e) === sign);
  (same ?? main).focus({ preventScroll: true });
}

const signature = (e) => `${e.tagName} ${e.getAttribute('aria-label') ?? e.name ?? ''} ${e.matches('select, input') ? '' : e.textContent}`;

/** Copies text to the clipboard, or shows it where that is not allowed. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    toast('Copied');
  } catch {
    const area = h('textarea', { readonly: true, rows: 4, value: text, 'aria-label': 'Text to copy' });
    modal('Copy this text', [area]).showModal();
    area.select();
  }
}

/** Saves a blob as a file. */
export function save(blob, name) {
  const link = h('a', { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

let hide;

/** Shows a message for some seconds, with an optional link or button. */
export function toast(text, action) {
  const box = document.getElementById('toast');
  clearTimeout(hide);
  box.replaceChildren(h('div', { class: 'toast' }, text, action));
  hide = setTimeout(() => box.replaceChildren(), action ? 15_000 : 4_000);
}

/** Returns a dialog that removes itself when it is closed; call showModal. */
export function modal(title, content, closed) {
  const close = h('button', { type: 'button', class: 'quiet', 'aria-label': 'Close', onclick: () => box.close() }, '✕');
  const box = h('dialog', {
    'aria-label': title,
    onclose: () => { box.remove(); closed?.(); },
    onclick: (e) => { if (e.target === box) box.close(); },
  }, h('div', { class: 'sheet' }, h('header', null, h('h2', { tabindex: -1, autofocus: true }, title), close), content));
  document.body.append(box);
  return box;
}

/** Returns a button that ignores clicks while its action runs. */
export function button(label, act, props) {
  return h('button', {
    type: 'button', ...props,
    onclick: async (e) => {
      const self = e.currentTarget;
      if (self.hasAttribute('aria-disabled')) return;
      self.setAttribute('aria-disabled', 'true'); // a disabled button would lose the focus
      try {
        await act(e);
      } catch (err) {
        if (err.name !== 'AbortError') report(err);
      } finally {
        self.removeAttribute('aria-disabled');
      }
    },
  }, label);
}
