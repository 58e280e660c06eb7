import { svg } from './dom.js';

/** A line chart of values, without axes. */
export function spark(values, width = 120, height = 28) {
  const top = Math.max(1, ...values);
  const x = (i) => (values.length < 2 ? width / 2 : (i / (values.length - 1)) * (width - 4) + 2);
  const points = values.map((v, i) => `${x(i).toFixed(1)},${(height - 3 - (v / top) * (height - 6)).toFixed(1)}`);
  return svg('svg', { class: 'spark', viewBox: `0 0 ${width} ${height}`, width, height, 'aria-hidden': 'true' },
    values.length === 1
      ? svg('circle', { cx: width / 2, cy: points[0].split(',')[1], r: 2.5 })
      : svg('polyline', { points: points.join(' ') }));
}
