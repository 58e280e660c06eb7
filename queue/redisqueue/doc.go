// Package redisqueue is a job queue on Redis, for as many processes as one
// likes. It needs Redis 6.2 or later, or Valkey; a Redis Cluster will do, since
// all keys of a queue are in one hash slot.
//
//	q, err := redisqueue.Open(ctx, "redis://:secret@localhost:6379/0", nil)
//	if err != nil {
//		return err
//	}
//	defer q.Close()
//	err = q.Enqueue(ctx, queue.Job{Kind: "process", ID: "0198c1"})
//
// # What Redis must be
//
// A job is as durable as Redis is: with appendonly yes and appendfsync always
// what was enqueued survives a crash of Redis, with everysec the last second
// may be lost. Redis must not evict keys (maxmemory-policy noeviction, its
// default). When its memory is full, Enqueue returns an error and adds nothing
// of the chunk of jobs that did not fit; jobs are still taken, completed and
// retried, which makes room.
//
// Time is the time of Redis. Its clock decides when a delayed job is due and
// when a lease has expired.
//
// # Leases
//
// A Consume has its running jobs on a lease, which it extends as long as there
// are any. If its process is lost, the jobs go to others as soon as the lease
// has expired, with the attempt counted, before all that wait. A Consume that
// could not extend its lease in time cancels the contexts of its handlers with
// [ErrLeaseLost] as the cause, and what a handler answers after another has
// taken the job changes nothing.
//
// # Outages
//
// Consume outlives outages of Redis of any length and goes on by itself. Each
// call to Redis has a bound, Options.CallTimeout. Calls are safe to repeat:
// Redis keeps the answer to the last call of each consumer for a minute, so
// that one whose answer was lost gives it again and takes no other jobs.
//
// # Keys
//
// The keys of the queue event-processing begin with {event-processing}:. Which
// of them have a job says what state it is in; nothing else does. A job is
// named by its [queue.Job.Key].
//
//	jobs    hash        each job but completed ones: since when it could run, ms
//	wait    list        waiting jobs, the next one first
//	delay   sorted set  jobs that wait for their time: when, ms
//	own     hash        running jobs: consumer and number of its call, attempt
//	lease   sorted set  consumers with running jobs: when the lease expires, ms
//	att     hash        attempts before, if any, of jobs that are not completed
//	from    hash        origins, if any, of jobs that are not completed
//	dead    sorted set  dead letters: when it died, us, each at its own time
//	err     hash        dead letters: attempts that it had and the last message
//	done    sorted set  completed jobs: when they are forgotten, ms
//	wake    sorted set  one marker, which an idle consumer waits for
//	layout  string      the version of all this, 1
//
// Others, which begin with wake: and receipt:, are gone a minute after use.
// What a job costs is its key, twice, and some 60 to 90 bytes. An origin costs
// the key once more, and itself.
package redisqueue
