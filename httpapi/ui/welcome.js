// The page of a server without events: how to upload some.
import { h, put, button, copy, save } from './dom.js';
import { curl, may, Problem } from './api.js';
import { go } from './nav.js';
import { upload } from './sending.js';
import { demoFile, sampleFile } from './demo.js';
import { problemBox } from './problem.js';
import { refusal } from './refusal.js';

export function welcome(root, signal) {
  if (!may('upload')) return put(root, h('section', { class: 'card empty welcome' }, h('h1', null, 'No events yet'), h('p', null, 'There is nothing to show until files have been uploaded and processed.')));
  const line = curl('uploads?process=true').replace('curl ', 'curl -F file=@events.csv ');
  const status = h('div', { 'aria-live': 'polite' });
  const demo = button('Load demo events', async () => {
    put(status, h('p', { class: 'quiet' }, 'Uploading and processing …'));
    try {
      await upload(demoFile(), { process: true, demo: true, wait: 20, signal });
      go('?');
    } catch (err) {
      if (err.name === 'AbortError') return;
      put(status, err instanceof Problem && err.status === 429 ? refusal(err, () => demo.click()) : problemBox(err));
    }
  }, { class: 'primary' });
  return put(root, h('section', { class: 'card empty welcome' },
    h('h1', null, 'No events yet'),
    h('p', null, 'Upload a CSV file of events to see how many there are each day.'),
    h('p', { class: 'row' }, demo, h('a', { class: 'secondary', href: '?view=upload' }, 'Upload a file')),
    status,
    h('p', null, 'Or from a terminal:'),
    h('div', { class: 'code' }, h('code', null, line), button('Copy', () => copy(line))),
    h('p', { class: 'quiet' }, 'TOKEN is a token of the server with the role admin or uploader. ',
      h('button', { type: 'button', class: 'link', onclick: () => save(sampleFile(), 'events.csv') }, 'Download a sample events.csv'), ' to get started.')));
}
