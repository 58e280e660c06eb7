// Stacked bars on uPlot's axes and cursor, with the earlier range as a line.
import { h, put } from './dom.js';
import { cutoff, labels, merge, perBar } from './buckets.js';
import { number, plural, short } from './format.js';
import { tooltip } from './tip.js';

// It is loaded while the server is asked for what to draw.
const library = import('./vendor/uPlot.min.js');
library.catch(() => {}); // stack reports it

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const axisWidth = 52;

/**
 * Draws a chart into root. It ends when root is removed from the page. model is
 *  starts, names  the date and the full name of each period, and interval
 *  series         {name, values, colour, rest} from the bottom up
 *  previous       {values, names, label} of the earlier range, or null
 *  open           the index of the period that is in progress, or -1
 *  actions(i, j, name)  what can be done about the periods from i to j, and a
 *                 series or null: [label, act] of each
 *  filter(series) the address that shows only a series, or null
 */
export async function stack(root, model, height = 280) {
  const { default: uPlot } = await library;
  const note = h('p', { class: 'quiet note' });
  let cut = false;
  const spoken = h('p', { class: 'vh', 'aria-live': 'polite' });
  const box = h('div', { class: 'chart', tabindex: 0, role: 'application' });
  const tip = tooltip(box, model);
  root.append(h('div', { class: 'figure' }, box, tip.node, spoken), note);
  let plot;
  let width = box.clientWidth || 320;
  const build = () => {
    plot?.end();
    const k = perBar(model.starts.length, model.interval, width - axisWidth);
    const m = merged(model, k);
    const total = m.names.map((_, i) => m.series.reduce((sum, s) => sum + s.values[i], 0));
    const limit = cutoff(total);
    put(note, k > 1 ? `Each bar is ${plural(k, model.interval)}: there is no room for more. ` : null, limit ? [
      cut ? 'The highest bars are cut off. ' : 'A few bars are much higher than the others. ',
      h('button', { type: 'button', class: 'link', onclick: () => { cut = !cut; build(); note.querySelector('button').focus(); } }, cut ? 'Show their full height' : 'Cut them off')] : null);
    box.setAttribute('aria-label', `Stacked bar chart of ${plural(m.names.length, 'bar')}. Use the arrow keys to move and Enter to see what a bar consists of. The table below has the same data.`);
    plot = bars(uPlot, box, { ...m, total, limit: cut ? limit : 0 }, { tip, spoken, width, height });
    return k;
  };
  let k = build();

  const dark = matchMedia('(prefers-color-scheme: dark)');
  const redraw = () => plot.redraw();
  dark.addEventListener('change', redraw);
  const fit = new ResizeObserver(() => { // removing the box is a change of its size, too
    if (!box.isConnected) {
      fit.disconnect();
      dark.removeEventListener('change', redraw);
      return plot.end();
    }
    if (box.clientWidth === width) return undefined;
    width = box.clientWidth;
    tip.hide();
    if (perBar(model.starts.length, model.interval, width - axisWidth) === k) return plot.resize(width);
    k = build();
    return undefined;
  });
  fit.observe(box);
}

/** The model with k periods in each bar. */
function merged(model, k) {
  if (k === 1) return { ...model, size: 1 };
  const ends = (names) => names.filter((_, i) => i % k === 0).map((name, i) => {
    const last = names[Math.min((i + 1) * k, names.length) - 1];
    return name === last ? name : `${name} to ${last}`;
  });
  return {
    ...model, size: k,
    starts: model.starts.filter((_, i) => i % k === 0),
    names: ends(model.names),
    series: model.series.map((s) => ({ ...s, values: merge(s.values, k) })),
    previous: model.previous && { ...model.previous, values: merge(model.previous.values, k), names: ends(model.previous.names) },
    open: model.open < 0 ? -1 : Math.floor(model.open / k),
  };
}

function bars(uPlot, box, m, { tip, spoken, width, height }) {
  const n = m.names.length;
  const { total } = m;
  const top = m.limit || Math.max(1, ...total, ...(m.previous?.values ?? [])) * 1.06;
  const axis = { stroke: () => css('--quiet'), font: `12px ${css('--font')}`, ticks: { show: false } };
  let shown = [];
  const u = new uPlot({
    width, height,
    padding: [m.limit ? 24 : 12, 8, 0, 0],
    legend: { show: false },
    cursor: { y: false, x: false, points: { show: false }, drag: { x: false, y: false } },
    scales: { x: { time: false, range: () => [-0.5, n - 0.5] }, y: { range: () => [0, top] } },
    axes: [
      {
        ...axis, size: 44, grid: { show: false },
        splits: (plot) => (shown = labels(m.starts, m.interval, Math.floor(plot.bbox.width / devicePixelRatio / 62))).map(([i]) => i),
        values: () => shown.map(([, text]) => text),
      },
      { ...axis, size: axisWidth, grid: { stroke: () => css('--line'), width: 1 }, values: (_, all) => all.map((v) => (Number.isInteger(v) ? short(v) : '')) },
    ],
    series: [{}, { paths: () => null, points: { show: false } }],
    hooks: {
      draw: [(plot) => draw(plot, m, tip.at())],
      setCursor: [(plot) => { if (!tip.pinned()) { point(plot.cursor.left >= 0 ? plot.cursor.idx : null); } }],
    },
  }, [m.names.map((_, i) => i), total], box);

  const place = (i) => u.valToPos(i, 'x') + u.over.offsetLeft;
  const point = (i) => {
    if (i === null || i === undefined || !m.names[i]) tip.hide();
    else tip.show(m, i, place(i), box.clientWidth);
    u.redraw(false);
  };
  const seriesAt = (i, value) => {
    let below = 0;
    return m.series.find((s) => (below += s.values[i]) >= value && s.values[i] > 0)?.name ?? null;
  };
  const pin = (i, name, focus) => { tip.pin(m, i, place(i), box.clientWidth, name, focus); u.redraw(false); };
  const click = () => {
    const { idx, top: y } = u.cursor;
    if (idx !== null && idx !== undefined) pin(idx, seriesAt(idx, u.posToVal(y, 'y')), false);
  };
  const leave = () => { if (!tip.pinned()) point(null); };
  const key = (e) => {
    const now = u.cursor.idx ?? n;
    const next = { ArrowLeft: now - 1, ArrowRight: now + 1, Home: 0, End: n - 1 }[e.key];
    if (next !== undefined) {
      const i = Math.min(Math.max(next, 0), n - 1);
      tip.hide();
      u.setCursor({ left: u.valToPos(i, 'x'), top: 10 });
      const before = m.previous ? `, ${m.previous.label.toLowerCase()}: ${number(m.previous.values[i])}` : '';
      spoken.textContent = `${m.names[i]}: ${number(total[i])}${before}`;
      e.preventDefault();
    }
    if (e.key === 'Enter' && m.names[u.cursor.idx]) {
      pin(u.cursor.idx, null, true);
    }
  };
  u.over.addEventListener('click', click);
  u.over.addEventListener('mouseleave', leave);
  box.addEventListener('keydown', key);
  tip.onhide(() => u.redraw(false));
  return {
    redraw: () => u.redraw(),
    resize: (to) => u.setSize({ width: to, height }),
    end: () => { box.removeEventListener('keydown', key); tip.onhide(null); u.destroy(); },
  };
}

function draw(u, m, marked) {
  const { ctx, bbox } = u;
  const { total } = m;
  const slot = bbox.width / m.names.length;
  const gap = Math.min(slot * 0.18, 8 * devicePixelRatio);
  const width = Math.max(1, Math.min(slot - gap, 64 * devicePixelRatio));
  const colours = m.series.map((s) => css(`--s${s.colour}`));
  const hatch = hatching(ctx, css('--card'));
  const y = (v) => u.valToPos(v, 'y', true);
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  m.names.forEach((_, i) => {
    const x = u.valToPos(i, 'x', true) - width / 2;
    let below = 0;
    m.series.forEach((s, k) => {
      if (!s.values[i]) return;
      const y0 = y(below);
      const y1 = y(below += s.values[i]);
      for (const fill of i === m.open ? [colours[k], hatch] : [colours[k]]) {
        ctx.fillStyle = fill;
        ctx.fillRect(x, y1, width, Math.max(y0 - y1, devicePixelRatio));
      }
    });
    if (i === marked) {
      ctx.strokeStyle = css('--text');
      ctx.lineWidth = 1.5 * devicePixelRatio;
      ctx.strokeRect(x, y(total[i]), width, y(0) - y(total[i]));
    }
  });
  if (m.previous) line(u, m.previous.values, slot, y);
  if (m.limit) total.forEach((v, i) => { if (v > m.limit) tear(u, u.valToPos(i, 'x', true), width); });
  ctx.restore();
  if (m.limit) heights(u, m);
}

/** Shows that a bar goes on above the chart. */
function tear(u, x, width) {
  const unit = devicePixelRatio;
  u.ctx.fillStyle = css('--card');
  for (const at of [8, 13]) u.ctx.fillRect(x - width / 2, u.bbox.top + at * unit, width, 2 * unit);
}

/** Writes how high the bars are that are cut off, above them, as far as there is room. */
function heights(u, { total, limit }) {
  const { ctx, bbox } = u;
  const unit = devicePixelRatio;
  ctx.save();
  ctx.font = `600 ${12 * unit}px ${css('--font')}`;
  ctx.textAlign = 'center';
  ctx.fillStyle = css('--text');
  let end = -Infinity;
  total.forEach((value, i) => {
    const half = ctx.measureText(number(value)).width / 2;
    const x = Math.min(Math.max(u.valToPos(i, 'x', true), bbox.left + half), bbox.left + bbox.width - half);
    if (value <= limit || x - half < end) return;
    ctx.fillText(number(value), x, bbox.top - 6 * unit);
    end = x + half + 2 * unit;
  });
  ctx.restore();
}

/** The earlier range: a step for each bar, with a rim so that it shows on all colours. */
function line(u, values, slot, y) {
  const { ctx } = u;
  const [rim, pen] = slot < 8 * devicePixelRatio ? [3, 1.25] : [4, 1.75];
  for (const [width, stroke] of [[rim, css('--card')], [pen, css('--text')]]) {
    ctx.beginPath();
    values.forEach((v, i) => {
      const x = u.valToPos(i, 'x', true) - slot / 2;
      ctx[i ? 'lineTo' : 'moveTo'](x, y(v));
      ctx.lineTo(x + slot, y(v));
    });
    ctx.lineWidth = width * devicePixelRatio;
    ctx.strokeStyle = stroke;
    ctx.stroke();
  }
}

function hatching(ctx, stroke) {
  const size = 8 * devicePixelRatio;
  const tile = new OffscreenCanvas(size, size);
  const pen = tile.getContext('2d');
  pen.strokeStyle = stroke;
  pen.lineWidth = 2.5 * devicePixelRatio;
  for (const shift of [-size, 0, size]) {
    pen.moveTo(shift, size);
    pen.lineTo(shift + size, 0);
  }
  pen.stroke();
  return ctx.createPattern(tile, 'repeat');
}
