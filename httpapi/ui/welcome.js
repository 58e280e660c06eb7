// What a new server shows: how to send it events.
import { h, put, button, copy, save } from './dom.js';
import { curl, Problem } from './api.js';
import { go } from './nav.js';
import { upload } from './sending.js';
import { demoFile, sampleFile } from './demo.js';
import { problemBox } from './problem.js';
import { refusal } from './refusal.js';

export function welcome(root, signal) {
  const line = curl('uploads?process=true').replace('curl ', 'curl -F file=@events.csv ');
  const says = h('div', { 'aria-live': 'polite' });
  const demo = button('Load demo events', async () => {
    put(says, h('p', { class: 'quiet' }, 'Uploading and counting …'));
    try {
      await upload(demoFile(), { process: true, wait: 20, signal });
      go('?');
    } catch (err) {
      if (err.name === 'AbortError') return;
      put(says, err instanceof Problem && err.status === 429 ? refusal(err, () => demo.click()) : problemBox(err));
    }
  }, { class: 'primary' });
  put(root, h('section', { class: 'card empty welcome' },
    h('h1', null, 'No events yet'),
    h('p', null, 'Upload a CSV file of events and see them counted by day.'),
    h('p', { class: 'row' }, demo, h('a', { class: 'secondary', href: '?view=upload' }, 'Upload a file')),
    says,
    h('p', null, 'Or from a terminal:'),
    h('div', { class: 'code' }, h('code', null, line), button('Copy', () => copy(line))),
    h('p', { class: 'quiet' }, 'ADMIN_TOKEN is the token that you came in with. ',
      h('button', { type: 'button', class: 'link', onclick: () => save(sampleFile(), 'events.csv') }, 'Save a sample events.csv'), ' to begin with.')));
}
