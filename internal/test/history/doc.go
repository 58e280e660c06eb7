// Package history contains only tests. A history is a random sequence of
// operations: uploads with every parameter, processing, deletion, repair,
// erasure, retention, cleanup, reprocess, audit, dead letters, queries. A server
// carries them out while it is killed, restarted with other dimensions, given
// another clock and a full disk. A model of plain rows, which shares no code
// with the library, says what each answer must be.
//
// An operation whose answer was lost is repeated until it is answered, as a
// client does, and counts once.
//
// These variables change what the tests do:
//
//   - HISTORY_RUNS: the number of histories, by default 20. They take turns on
//     the four pairs of a store and a queue.
//   - HISTORY_SEED: the seed of the first history. The others have the seeds
//     that follow it. Without either variable it is 0, so that a change is
//     tested with the same histories each time; with HISTORY_RUNS alone it is
//     random.
//   - HISTORY_SHRINK: how often a history that failed is run again with fewer
//     operations, by default 12.
//
// A history that fails prints its seed and the operations that are left when it
// is shrunk. HISTORY_RUNS=1 with this seed runs it again.
//
// Add an operation here for everything that a server can be asked.
package history
