import { h } from './dom.js';
import { advice } from './api.js';

/** Shows what went wrong and what to do, with optional actions. */
export function problemBox(err, ...actions) {
  return h('div', { class: 'problem', role: 'alert' },
    h('strong', null, sentence(err.message)), h('p', null, advice(err)), actions);
}

function sentence(text) {
  const s = String(text).trim();
  return s.charAt(0).toUpperCase() + s.slice(1) + (/[.!?]$/.test(s) ? '' : '.');
}
