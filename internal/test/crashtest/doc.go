// Package crashtest contains only tests. They kill a process before each step
// of an upload, a processing, a deletion, a cleanup, a reprocess, a retention
// and an erasure, and at random moments. Then they start it again and compare
// what is left with a recount that does not use the library. Another test kills
// several processes that share a store and a queue while clients use them.
//
// Add a scenario here for every operation that changes the store or the queue
// in more than one step. Rules of a single backend belong into its suite.
package crashtest
