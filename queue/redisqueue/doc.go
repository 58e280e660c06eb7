// Package redisqueue is a job queue on Redis, for any number of processes. It
// needs Redis 6.2 or later, or Valkey. A Redis Cluster works too, since all keys
// of a queue are in one hash slot.
//
//	q, err := redisqueue.Open(ctx, "redis://:secret@localhost:6379/0", nil)
//	if err != nil {
//		return err
//	}
//	defer q.Close()
//	err = q.Enqueue(ctx, queue.Job{Kind: "process", ID: "0198c1"})
//
// # Configuration of Redis
//
// A job is as durable as Redis is. With appendonly yes and appendfsync always,
// enqueued jobs survive a crash of Redis; with everysec, those of the last
// second may be lost. Redis must not evict keys (maxmemory-policy noeviction,
// its default). When its memory is full, Enqueue returns an error and adds none
// of the chunk of jobs that did not fit. Jobs are still taken, completed and
// retried, which frees memory.
//
// The clock of Redis decides when a delayed job is due and when a lease has
// expired. When it is set back or forward by a second or more, leases and the waits
// of failed jobs move with it; RunAt and the done window do not.
//
// # Leases
//
// A Consume holds its running jobs under a lease, which it extends as long as
// there are any. If its process is lost, the lease expires. Then other
// consumers run the jobs before all waiting ones, and the lost attempts count. A
// job with one attempt left waits for its backoff first, and then runs alone: a
// Consume takes it when it has no other job, and takes no other until then, so that
// a job that kills its process makes no dead letter of another.
// A Consume that could not extend its lease in time cancels the contexts of its
// handlers with [ErrLeaseLost] as the cause. The result of a handler changes
// nothing after another consumer has taken the job.
//
// # Outages
//
// Consume survives outages of Redis of any length. Options.CallTimeout bounds
// each call to Redis. Calls are safe to repeat: Redis keeps the answer to the
// last call of each consumer for a minute. If the answer was lost, the repeated
// call returns it again and takes no other jobs.
//
// # Keys
//
// The keys of the queue event-processing begin with {event-processing}:. The
// state of a job is defined by which of them have it. A job is named by its
// [queue.Job.Key].
//
//	jobs    hash        jobs that are not completed: since when they could run, ms
//	wait    list        waiting jobs, the next one first
//	delay   sorted set  delayed jobs: the time to run, ms
//	own     hash        running jobs: consumer and number of its call, attempt
//	lease   sorted set  consumers with running jobs: when the lease expires, ms
//	att     hash        jobs that are not completed: earlier attempts, if any,
//	                    and the word alone if they must run so
//	from    hash        jobs that are not completed: metadata, if any
//	dead    sorted set  dead letters: when they died, us, unique
//	err     hash        dead letters: their maximum of attempts, the last message
//	done    sorted set  completed jobs: when the done window ends, ms
//	wake    sorted set  one marker, for which idle consumers wait
//	clock   string      the last time that was seen, ms, to the second
//	layout  string      the version of this layout, 1, and the owner, if any
//
// Other keys, which begin with wake: and receipt:, expire a minute after use. A
// job takes its key twice and 60 to 90 bytes. Metadata takes the key once more,
// and itself.
package redisqueue
