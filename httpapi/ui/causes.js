// Groups failed jobs by their cause. Nothing here draws.

const parts = [
  /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi, // ids of batches
  /\b\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)?/g, // times
  /\b\d{1,3}(\.\d{1,3}){3}(:\d+)?\b/g, // addresses
  /\b[0-9a-f]{16,}\b/gi, // hashes
  /\d+/g,
];

/** The cause of a failure: its text with … for what differs from job to job. */
export const causeOf = (reason) => parts.reduce((text, part) => text.replace(part, '…'), reason);

/** The jobs of each cause, those of the most frequent first: [cause, jobs]. */
export const byCause = (jobs) => [...Map.groupBy(jobs, (j) => causeOf(j.failedReason))].sort((a, b) => b[1].length - a[1].length);
