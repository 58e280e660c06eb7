// Package queuetest is the conformance suite for authors of queues.
//
// The test of a backend calls [Run] with a [Harness]. Each subtest checks one
// rule of package queue. Its name is the rule, and its failure explains it. The
// suite waits on channels and polls, with settings of milliseconds, so that it
// takes little real time. The tests of this package have a broken queue for each
// rule.
//
// # Rules
//
// The sentences are those of package queue; below each are the rules that test it.
//
// Enqueue adds jobs. They are durable when it returns nil:
//   - a job is delivered as it was enqueued
//   - a job may be enqueued before and while Consume runs
//   - many jobs enqueued in one call are all delivered
//   - the metadata of a job is that of the Enqueue that added it
//   - a job keeps its metadata through attempts, death and retry
//   - a lost process loses no job
//   - dead and completed jobs are remembered after a crash
//   - jobs survive a loss of power right after each call
//
// It checks all jobs before it adds the first one:
//   - an invalid job is refused and none of the call is added
//
// A job that the queue has already, in any state, stays as it is:
//   - a waiting job is not added again
//   - a running job is not added again
//   - a job between attempts is not added again
//   - a dead job is not added again
//   - a completed job is not added again within the done window
//   - a completed job is added again after the done window
//   - a hundred concurrent enqueues of one job make one run
//   - kind and id together make a job
//
// RunAt is the earliest time to run the job, by the queue's clock; zero means now.
// A wait between attempts is a time span, not a time of the clock:
//   - a job never runs before its time
//   - a job whose time has passed runs immediately
//   - a delayed job waits for its time, by the clock
//   - no job that may run waits for a clock that was set back
//   - no failed job waits for a clock that was set back
//
// Jobs are taken in the order in which they could run:
//   - jobs run in the order in which they were enqueued
//   - delayed jobs run in the order of their times, to the millisecond
//   - a retried dead letter runs after the jobs that wait
//   - a job that is put back runs before jobs that were enqueued later
//   - a lost job runs before jobs that were enqueued later
//
// Consume calls h with jobs, for several jobs concurrently. Several Consumes share
// the jobs:
//   - one Consume runs as many jobs concurrently as configured
//   - concurrent Consumes share the jobs
//   - no job runs twice concurrently
//   - Consume may be called again after it has returned
//   - a job that runs for long stays with its handler
//   - Consume outlasts an outage
//
// An error fails the attempt: the job is retried later, or is dead:
//   - attempts count from one to the last
//   - a retry waits at least the backoff, which doubles
//   - the backoff stays below its maximum
//   - a job with a permanent error is dead at once
//   - a panic counts as an error of the attempt
//   - every job ends completed or dead
//
// When ctx ends, Consume takes no new job, waits a bounded time for the running
// ones, and then cancels their contexts:
//   - no job is taken when the context of Consume ends
//   - running jobs may finish when the context of Consume ends
//   - an attempt that fails during the drain counts
//   - a job that outlasts the drain timeout is put back and its attempt does not count
//   - a job that succeeds after its context was cancelled is completed
//   - Consume with a context that has ended returns nil and takes no job
//
// If the process dies before h returns, the job runs again, and the lost attempt
// counts:
//   - a job that kills its process is dead after its last attempt
//   - the last attempt of a job that lost its process waits
//   - a job that kills its process takes no other job with it
//
// Dead letters stay until they are retried or discarded:
//   - dead letters are listed latest first
//   - a cursor continues the listing without loss
//   - an unknown cursor is refused
//   - the error of a dead letter is its message, shortened
//   - a dead letter has the number, time and error of each attempt, oldest first
//   - a dead letter keeps the last failures, and those before a retry
//   - a failure is that of an attempt that counts
//   - dead letters stay while other jobs run
//   - dead letters stay however many there are
//   - dead letters stay for weeks
//   - a retried dead letter has all its attempts again
//   - of many retries of one dead letter one succeeds
//   - only dead letters are retried or discarded
//   - a discarded job may be enqueued again
//
// Stats counts the jobs by state:
//   - Stats counts the jobs in each state
//   - Stats has the age of the job that has waited longest
//   - a delayed job has waited since its time
//
// All methods are safe for concurrent use, by several processes too. A queue has a
// name:
//   - a process runs the jobs that another enqueues
//   - two processes never run a job twice
//   - two processes retry a dead letter once
//   - queues of other names are apart
//
// ErrUnavailable means that the backend could not be reached. After the end of a
// context, the error is that of the context:
//   - the error of a backend that is gone is ErrUnavailable
//   - a method whose context has ended returns an error and changes nothing
package queuetest
