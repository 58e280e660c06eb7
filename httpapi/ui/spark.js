import { svg } from './dom.js';
import { thin } from './buckets.js';

/** A line chart of values, without axes; many values are drawn as means of neighbours. */
export function spark(values, width = 120, height = 28) {
  const drawn = thin(values, width / 2);
  const top = Math.max(1, ...drawn);
  const x = (i) => (drawn.length < 2 ? width / 2 : (i / (drawn.length - 1)) * (width - 4) + 2);
  const points = drawn.map((v, i) => `${x(i).toFixed(1)},${(height - 3 - (v / top) * (height - 6)).toFixed(1)}`);
  return svg('svg', { class: 'spark', viewBox: `0 0 ${width} ${height}`, width, height, 'aria-hidden': 'true' },
    drawn.length === 1
      ? svg('circle', { cx: width / 2, cy: points[0].split(',')[1], r: 2.5 })
      : svg('polyline', { points: points.join(' ') }));
}
