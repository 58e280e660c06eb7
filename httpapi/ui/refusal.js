import { h } from './dom.js';
import { clock } from './format.js';
import { problemBox } from './problem.js';

/**
 * Shows a temporary refusal: counts down, then offers to send again, or does so
 * by itself.
 */
export function refusal(err, again, itself = false) {
  const ready = Date.now() + (err.retryAfter || 1) * 1000;
  const press = h('button', { type: 'button', class: 'primary', disabled: true, onclick: again });
  const status = h('span', { class: 'vh', 'aria-live': 'polite' });
  const box = problemBox(err, h('p', null, press, status));
  const tick = () => {
    const left = (ready - Date.now()) / 1000;
    press.disabled = left > 0;
    press.textContent = left > 0 ? `Send again in ${clock(left)}` : 'Send again';
    if (left <= 0 && itself) again();
    else if (left <= 0) status.textContent = 'You can send the file again now.';
    else if (box.isConnected || left > 0) setTimeout(tick, Math.min(left * 1000, 250));
  };
  tick();
  return box;
}
