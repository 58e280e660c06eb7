// Sample files to try the service with.

/** A file with a few rows. */
export function sampleFile() {
  const stamp = (minutes) => new Date(Date.now() - minutes * 60_000).toISOString().slice(0, 19) + 'Z';
  return new File([[
    'candidate_id,test_id,event_type,timestamp',
    `C101,T1,test_started,${stamp(90)}`,
    `C101,T1,question_answered,${stamp(80)}`,
    `C102,T1,test_started,${stamp(75)}`,
    `C101,T1,test_completed,${stamp(60)}`,
    `C102,T1,test_abandoned,${stamp(30)}`,
    '',
  ].join('\n')], 'events.csv', { type: 'text/csv' });
}

/** Eight weeks of tests, taken during the day, and three invalid rows. */
export function demoFile(now = Date.now()) {
  const rows = ['candidate_id,test_id,event_type,timestamp'];
  const random = generator(7);
  const hour = 3_600_000;
  for (let t = now - 56 * 24 * hour; t < now - hour; t += hour) {
    const at = new Date(t);
    const weekend = at.getUTCDay() % 6 === 0;
    const busy = Math.max(0, 1 - Math.abs(at.getUTCHours() - 13) / 8) * (weekend ? 0.3 : 1);
    const growth = 0.6 + 0.4 * (1 - (now - t) / (56 * 24 * hour));
    for (let n = Math.floor(busy * growth * 6 + random()); n > 0; n--) rows.push(...sitting(t + random() * hour, now, random));
  }
  rows.push(`,T1,test_started,${new Date(now - hour).toISOString()}`, 'C1,T1,test_started,yesterday', 'C1,T1,,2025-01-01T00:00:00Z');
  return new File([rows.join('\n'), '\n'], 'demo.csv', { type: 'text/csv' });
}

/** The events of one candidate who takes a test. */
function* sitting(t, now, random) {
  const test = `C${100 + Math.floor(random() * 400)},T${1 + Math.floor(random() * 5)}`;
  const row = (type, at) => `${test},${type},${new Date(at).toISOString()}`;
  yield row('test_started', t);
  const answers = 2 + Math.floor(random() * 4);
  for (let i = 1; i <= answers; i++) yield* within(row('question_answered', t + i * 300_000), t + i * 300_000, now);
  const end = t + (answers + 1) * 300_000;
  yield* within(row(random() < 0.8 ? 'test_completed' : random() < 0.7 ? 'test_abandoned' : 'test_flagged', end), end, now);
}

function* within(row, at, now) {
  if (at < now) yield row;
}

/** Numbers from 0 to 1, the same every time: Park and Miller's generator. */
function generator(seed) {
  return () => (seed = (seed * 48271) % 2147483647) / 2147483647;
}
