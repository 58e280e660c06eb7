// Package crashtest has no code: its tests kill a process at every step of an
// upload, a processing, a deletion, a cleanup and a reprocess, and at random
// moments, start it again, and recount what is left.
package crashtest
