// Stacked bars on uPlot's axes and cursor.
import uPlot from './vendor/uPlot.esm.js';
import { h } from './dom.js';
import { number, plural, short } from './format.js';

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** The colour of series i, from the style sheet. */
export const colour = (i) => `var(--s${i % 8})`;

/**
 * Draws a chart into root. names are {full, axis} of each period, series are
 * {name, values} from the bottom up, open is the index of the period that is in
 * progress, and pick(index, name) is called for a click on a bar. The chart ends
 * when root is removed from the page.
 */
export function stack(root, { names, series, open, pick, height = 280 }) {
  const total = names.map((_, i) => series.reduce((sum, s) => sum + s.values[i], 0));
  const top = Math.max(1, ...total) * 1.06;
  const tip = h('div', { class: 'tip', hidden: true });
  const spoken = h('p', { class: 'vh', 'aria-live': 'polite' });
  const box = h('div', {
    class: 'chart', tabindex: 0, role: 'application',
    'aria-label': `Stacked bar chart of ${plural(names.length, 'period')}. Use the arrow keys to move and Enter to open a bar. The table below has the same data.`,
  }, tip, spoken);
  root.append(box);

  const show = (i) => {
    if (i === null || i === undefined || !names[i]) { tip.hidden = true; return; }
    const rows = series.map((s, k) => ({ ...s, k })).filter((s) => s.values[i] > 0).reverse();
    tip.replaceChildren(
      h('strong', null, names[i].full, i === open ? ' (in progress)' : ''),
      ...rows.map((s) => h('span', { class: 'tiprow' }, swatch(s.k), h('span', { class: 'name' }, s.name), h('b', null, number(s.values[i])))),
      h('span', { class: 'tiprow sum' }, h('span', { class: 'name' }, 'Total'), h('b', null, number(total[i]))),
    );
    tip.hidden = false;
    const x = u.valToPos(i, 'x') + u.over.offsetLeft;
    const right = x > box.clientWidth / 2;
    tip.style.left = right ? 'auto' : `${x + 14}px`;
    tip.style.right = right ? `${box.clientWidth - x + 14}px` : 'auto';
  };

  const draw = (u) => {
    const { ctx, bbox } = u;
    const slot = bbox.width / names.length;
    const width = Math.max(1, Math.min(slot * 0.82, 64 * devicePixelRatio));
    const colours = series.map((_, k) => css(`--s${k % 8}`));
    const hatch = hatching(ctx, css('--card'));
    ctx.save();
    names.forEach((_, i) => {
      const x = u.valToPos(i, 'x', true) - width / 2;
      let below = 0;
      series.forEach((s, k) => {
        if (!s.values[i]) return;
        const y0 = u.valToPos(below, 'y', true);
        const y1 = u.valToPos(below += s.values[i], 'y', true);
        for (const fill of i === open ? [colours[k], hatch] : [colours[k]]) {
          ctx.fillStyle = fill;
          ctx.fillRect(x, y1, width, Math.max(y0 - y1, 1));
        }
      });
      if (i === u.cursor.idx && !tip.hidden) {
        ctx.strokeStyle = css('--text');
        ctx.lineWidth = 1.5 * devicePixelRatio;
        ctx.strokeRect(x, u.valToPos(total[i], 'y', true), width, u.valToPos(0, 'y', true) - u.valToPos(total[i], 'y', true));
      }
    });
    ctx.restore();
  };

  const axis = { stroke: () => css('--quiet'), font: `12px ${css('--font')}`, ticks: { show: false } };
  const u = new uPlot({
    width: box.clientWidth || 320,
    height,
    padding: [12, 8, 0, 0],
    legend: { show: false },
    cursor: { y: false, x: false, points: { show: false }, drag: { x: false, y: false } },
    scales: { x: { time: false, range: () => [-0.5, names.length - 0.5] }, y: { range: () => [0, top] } },
    axes: [
      { ...axis, size: 28, grid: { show: false }, splits: (u) => ticks(u, names.length), values: (u, all) => all.map((i) => names[i]?.axis ?? '') },
      { ...axis, size: 52, grid: { stroke: () => css('--line'), width: 1 }, values: (u, all) => all.map((v) => (Number.isInteger(v) ? short(v) : '')) },
    ],
    series: [{}, { paths: () => null, points: { show: false } }],
    hooks: { draw: [draw], setCursor: [(u) => { show(u.cursor.left >= 0 ? u.cursor.idx : null); u.redraw(false); }] },
  }, [names.map((_, i) => i), total], box);

  const nameAt = (i, value) => {
    let below = 0;
    return series.find((s) => (below += s.values[i]) >= value && s.values[i] > 0)?.name ?? null;
  };
  u.over.addEventListener('click', () => {
    const { idx, top: y } = u.cursor;
    if (idx !== null && total[idx] > 0) pick(idx, nameAt(idx, u.posToVal(y, 'y')));
  });
  u.over.addEventListener('mouseleave', () => show(null));
  box.addEventListener('keydown', (e) => {
    const now = u.cursor.idx ?? names.length;
    const next = { ArrowLeft: now - 1, ArrowRight: now + 1, Home: 0, End: names.length - 1 }[e.key];
    if (next !== undefined) {
      const i = Math.min(Math.max(next, 0), names.length - 1);
      u.setCursor({ left: u.valToPos(i, 'x'), top: 10 });
      spoken.textContent = `${names[i].full}: ${number(total[i])}`;
      e.preventDefault();
    }
    if (e.key === 'Enter' && total[u.cursor.idx] > 0) pick(u.cursor.idx, null);
  });

  const dark = matchMedia('(prefers-color-scheme: dark)');
  const redraw = () => u.redraw();
  dark.addEventListener('change', redraw);
  const fit = new ResizeObserver(() => { // removing the box is a change of its size, too
    if (box.isConnected) return u.setSize({ width: box.clientWidth, height });
    fit.disconnect();
    dark.removeEventListener('change', redraw);
    u.destroy();
  });
  fit.observe(box);
}

/** A square in the colour of series i. */
export function swatch(i) {
  const square = h('span', { class: 'swatch', 'aria-hidden': 'true' });
  square.style.background = colour(i);
  return square;
}

function ticks(u, n) {
  const room = u.bbox.width / devicePixelRatio;
  const step = Math.max(1, Math.ceil(n / Math.max(1, Math.floor(room / 58))));
  return Array.from({ length: Math.ceil(n / step) }, (_, i) => i * step);
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
