-- Stores the results of jobs and leases the next ones, in one step.
-- ARGV: number of this call, jobs wanted, lease in ms, attempts that a job
-- has, done window in ms, fence of the jobs to lease, number of completed
-- jobs, their keys, their fences, then key, fence, operation and its two
-- arguments for each other result.
-- Returns the leased keys with their attempts, the keys of refused results,
-- of jobs put back and of jobs buried because their lease had expired, and the
-- milliseconds until there may be more, -1 for never.
local number, want, span, attempts, window = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local fence, completed = ARGV[6], tonumber(ARGV[7])
local step = 1000 -- bounds what one call does besides

local last = call('GET', receipt)
if last then
  last = cmsgpack.unpack(last)
  if last[1] == number then return last[2] end -- the first answer was lost
  if last[1] > number then return redis.error_reply('STALE the call was overtaken by a later one') end
end
free()

local refused = {}

-- bury makes a job a dead letter. Scores are unique, so that a score is a
-- place in the list.
local function bury(key, max, message)
  local score, top = micros, call('ZREVRANGE', dead, 0, 0, 'WITHSCORES')[2]
  if top then score = math.max(score, tonumber(top) + 1) end
  call('ZADD', dead, score, key)
  call('HSET', err, key, max .. ':' .. message)
end

-- putback puts a job before all others, as one that has waited as long.
local function putback(key)
  local since, head = now, call('LINDEX', wait, 0)
  if head then since = math.min(since, tonumber(call('HGET', jobs, head)) or now) end
  call('LPUSH', wait, key)
  call('HSET', jobs, key, since)
end

local function complete(from, n)
  local holders = call('HMGET', own, unpack(ARGV, from, from + n - 1))
  local keys, entries = {}, {}
  for i = 1, n do
    local key = ARGV[from + i - 1]
    if holders[i] == ARGV[from + n + i - 1] then
      keys[#keys + 1] = key
      entries[#entries + 1] = soon + window
      entries[#entries + 1] = key
    else
      refused[#refused + 1] = key
    end
  end
  if #keys == 0 then return end
  call('ZREM', lease, unpack(keys))
  call('HDEL', own, unpack(keys))
  call('HDEL', att, unpack(keys))
  call('HDEL', jobs, unpack(keys))
  call('ZADD', done, unpack(entries))
end

local function settle(key, holder, operation, a, b)
  if call('HGET', own, key) ~= holder then
    refused[#refused + 1] = key
    return
  end
  call('ZREM', lease, key)
  call('HDEL', own, key)
  if operation == 'retry' then
    call('ZADD', delay, soon + a, key)
  elseif operation == 'bury' then
    bury(key, a, b)
  else -- release: the attempt has not been
    if call('HINCRBY', att, key, -1) <= 0 then call('HDEL', att, key) end
    putback(key)
  end
end

-- promote lets delayed jobs wait whose time has come.
local function promote()
  local due = call('ZRANGEBYSCORE', delay, '-inf', now, 'WITHSCORES', 'LIMIT', 0, step)
  if #due == 0 then return false end
  local keys = {}
  for i = 1, #due, 2 do keys[#keys + 1] = due[i] end
  call('ZREM', delay, unpack(keys))
  call('RPUSH', wait, unpack(keys))
  call('HSET', jobs, unpack(due))
  return #keys == step
end

-- reap takes jobs from those that let their lease expire.
local function reap(back, buried)
  local expired = call('ZRANGEBYSCORE', lease, '-inf', now, 'LIMIT', 0, step)
  if #expired == 0 then return false end
  call('ZREM', lease, unpack(expired))
  call('HDEL', own, unpack(expired))
  local made = call('HMGET', att, unpack(expired))
  for i, key in ipairs(expired) do
    if (tonumber(made[i]) or 0) >= attempts then
      bury(key, attempts, 'the process was lost')
      buried[#buried + 1] = key
    else
      putback(key)
      back[#back + 1] = key
    end
  end
  return #expired == step
end

local function take()
  local keys = call('LPOP', wait, want)
  if not keys or #keys == 0 then return {} end
  local made = call('HMGET', att, unpack(keys))
  local taken, holders, leases = {}, {}, {}
  for i, key in ipairs(keys) do
    local at = 2 * i - 1
    taken[at], taken[at + 1] = key, (tonumber(made[i]) or 0) + 1
    holders[at], holders[at + 1] = key, fence
    leases[at], leases[at + 1] = soon + span, key
  end
  call('HSET', att, unpack(taken))
  call('HSET', own, unpack(holders))
  call('ZADD', lease, unpack(leases))
  return taken
end

-- pause tells how long there will be nothing new by itself.
local function pause()
  local first = math.huge
  for _, key in ipairs({ delay, lease }) do
    local head = call('ZRANGE', key, 0, 0, 'WITHSCORES')[2]
    if head then first = math.min(first, tonumber(head)) end
  end
  if first == math.huge then return -1 end
  return math.max(first - now, 0)
end

local at = 8
if completed > 0 then
  complete(at, completed)
  at = at + 2 * completed
end
for i = at, #ARGV, 5 do settle(ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4]) end

local taken, back, buried, rest = {}, {}, {}, -1
if want > 0 then
  local more = promote()
  more = reap(back, buried) or more
  taken = take()
  rest = more and 0 or pause()
end

-- More is forgotten than is remembered, so the window stays bounded.
local old = call('ZRANGEBYSCORE', done, '-inf', now, 'LIMIT', 0, 2 * completed + 100)
if #old > 0 then call('ZREM', done, unpack(old)) end

if call('LLEN', wait) > 0 then awaken() else call('DEL', wake) end

local answer = { taken, refused, back, buried, rest }
call('SET', receipt, cmsgpack.pack({ number, answer }), 'PX', 60000)
return answer
