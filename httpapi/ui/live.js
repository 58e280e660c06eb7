// Server-sent events over fetch, because EventSource cannot send a token.
import { request, Problem } from './api.js';

/**
 * Calls on.batch(batch), on.deleted(id), on.reset() and on.state(connected)
 * until signal aborts. After a gap the server sends what was missed, or reset.
 */
export async function follow(on, signal) {
  let last = '';
  for (let wait = 1000; !signal.aborted; wait = Math.min(wait * 2, 15_000)) {
    try {
      const response = await request('batches/events', { signal, headers: last ? { 'Last-Event-ID': last } : {} });
      on.state?.(true);
      wait = 1000;
      for await (const event of parse(response.body)) {
        if (event.id) last = event.id;
        if (event.name === 'batch') on.batch?.(JSON.parse(event.data));
        if (event.name === 'deleted') on.deleted?.(JSON.parse(event.data).batch_id);
        if (event.name === 'reset') on.reset?.();
      }
    } catch (err) {
      if (signal.aborted) return;
      if (err instanceof Problem && (err.status === 401 || err.status === 403)) return;
    }
    on.state?.(false);
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}

async function* parse(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  for (let rest = ''; ;) {
    const { value, done } = await reader.read();
    if (done) return;
    const parts = (rest + value).split('\n\n');
    rest = parts.pop();
    for (const part of parts) {
      const event = {};
      for (const line of part.split('\n')) {
        const at = line.indexOf(': ');
        if (at > 0) event[{ event: 'name' }[line.slice(0, at)] ?? line.slice(0, at)] = line.slice(at + 2);
      }
      yield event;
    }
  }
}
