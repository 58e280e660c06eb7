// Package crashtest has no code: its tests kill a process at every step of an
// upload, a processing, a deletion, a cleanup, a reprocess, a retention and an
// erasure, and at random moments, start it again, and recount what is left; and
// several processes that share a store and a queue, while their clients look on.
package crashtest
