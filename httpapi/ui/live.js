// Server-sent events over fetch, because EventSource does not say why it was refused.
import { may, reachable, refused, report, request } from './api.js';

/**
 * Calls on.batch(batch), on.deleted(id), on.reset() and on.state(connected)
 * until signal aborts. After a gap the server sends the missed events, or reset.
 * A hidden page closes its stream: browsers open at most six connections to a
 * server for all of their tabs.
 */
export async function follow(on, signal) {
  if (!may('batches')) return;
  let last = '';
  for (let wait = 1000; !signal.aborted; wait = Math.min(wait * 2, 15_000)) {
    await shown(signal);
    const hidden = new AbortController();
    const check = () => { if (document.hidden) hidden.abort(); };
    document.addEventListener('visibilitychange', check);
    try {
      const response = await request('batches/events', {
        signal: AbortSignal.any([signal, hidden.signal]), headers: last ? { 'Last-Event-ID': last } : {},
      });
      reachable(true);
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
      if (refused(err)) return report(err);
      if (err.status === 0) reachable(false);
    } finally {
      document.removeEventListener('visibilitychange', check);
    }
    on.state?.(false);
    if (!hidden.signal.aborted) await new Promise((resolve) => setTimeout(resolve, wait));
  }
}

/** Waits until the page is visible. */
function shown(signal) {
  if (!document.hidden || signal.aborted) return undefined;
  return new Promise((resolve) => {
    document.addEventListener('visibilitychange', resolve, { once: true, signal });
    signal.addEventListener('abort', resolve, { once: true });
  });
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
