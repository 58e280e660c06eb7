// A button that opens a panel below it.
import { h } from './dom.js';

/**
 * Returns a button with a panel. The panel closes with Escape, with a click
 * outside of it, and when the focus leaves it.
 */
export function menu(label, content, props) {
  const panel = h('div', { class: 'panel', hidden: true }, content);
  const press = h('button', { type: 'button', 'aria-expanded': 'false', ...props, onclick: () => (panel.hidden ? open() : close()) }, label);
  const box = h('div', { class: 'menu' }, press, panel);
  const outside = (e) => { if (!box.contains(e.target)) close(); };
  const open = () => {
    panel.hidden = false;
    press.setAttribute('aria-expanded', 'true');
    panel.classList.toggle('end', press.getBoundingClientRect().left + panel.offsetWidth > innerWidth - 8);
    document.addEventListener('pointerdown', outside);
    (panel.querySelector('[aria-current]') ?? panel.querySelector('a, button, input, select'))?.focus();
  };
  const close = () => {
    panel.hidden = true;
    press.setAttribute('aria-expanded', 'false');
    document.removeEventListener('pointerdown', outside);
  };
  box.addEventListener('focusout', (e) => { if (!panel.hidden && e.relatedTarget && !box.contains(e.relatedTarget)) close(); });
  panel.addEventListener('click', (e) => { if (e.target.closest('a')) close(); });
  box.addEventListener('keydown', (e) => {
    if (panel.hidden) return;
    if (e.key === 'Escape') { close(); press.focus(); }
    const by = { ArrowDown: 1, ArrowUp: -1 }[e.key];
    const links = [...panel.querySelectorAll('a')];
    const at = links.indexOf(document.activeElement);
    if (by && at >= 0) {
      e.preventDefault();
      links[(at + by + links.length) % links.length].focus();
    }
  });
  return box;
}
