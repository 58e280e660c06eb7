-- Counts the jobs: waiting, delayed, running, dead, and the age of the one
-- that has waited longest in ms. A delayed job whose time has come waits, even
-- if no call has moved it yet.
local due = call('ZCOUNT', delay, '-inf', now)
local since, head = now, call('LINDEX', wait, 0)
if head then since = tonumber(call('HGET', jobs, head)) or now end
local first = call('ZRANGE', delay, 0, 0, 'WITHSCORES')[2]
if first then since = math.min(since, tonumber(first)) end
return { call('LLEN', wait) + due, call('ZCARD', delay) - due, call('HLEN', own), call('ZCARD', dead), math.max(now - since, 0) }
