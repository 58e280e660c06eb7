-- Stores the results of jobs and leases the next ones, in one step.
-- ARGV: the consumer, number of this call, jobs wanted, jobs that it goes on
-- with, lease in ms, attempts that a job has, wait before the last attempt of a
-- lost job in ms, done window in ms, number of completed jobs, their keys, their
-- owners; then of each other result the key,
-- owner, attempt, what is to be, and two arguments of that; then what the clock
-- should show by that of the caller, for keepTime.
-- Returns the leased keys and their attempts, their metadata if any job has some,
-- which results were refused, in
-- the order of the arguments, the keys of jobs put back and of jobs buried
-- because their consumer was lost, the clock, and the milliseconds until there may be
-- more, -1 for never, and -2 for not before the consumer has another result: it
-- has got a job that runs alone, or the next one does and it has others.
local expected = tonumber(table.remove(ARGV))
local consumer, number, want, busy = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local span, most, pause, window, completed = ARGV[5], ARGV[6], tonumber(ARGV[7]), ARGV[8], tonumber(ARGV[9])
local maxFailures, lostProcess = 25, 'the process was lost'
local taken, origins, refused, back, buried, rest = {}, {}, {}, {}, {}, -1

local last = call('GET', receipt)
if last then
  local its = string.match(last, '^%d+')
  if its == number then return cmsgpack.unpack(string.sub(last, #its + 2)) end -- the first answer was lost
  if tonumber(its) > tonumber(number) then return redis.error_reply('STALE the call was overtaken by a later one') end
end

-- When memory is full, Redis refuses a script at its first write if that may
-- need memory, but at none that follows a removal, even of nothing.
call('ZREM', lease, '')
local blind = keepTime(expected)

-- fail keeps the error of an attempt, after the greatest number of attempts. It
-- keeps the last ones, so that a job that is retried often stays small.
local function fail(key, attempt, limit, message)
  local failures = {}
  local kept = call('HGET', err, key)
  if kept then failures = cjson.decode(string.match(kept, ':(.*)$')) end
  failures[#failures + 1] = { attempt = tonumber(attempt), at = now, err = message }
  if #failures > maxFailures then table.remove(failures, 1) end
  call('HSET', err, key, limit .. ':' .. cjson.encode(failures))
end

-- bury makes a job a dead letter. Scores are unique, so that each is a place
-- in the list.
local function bury(key, attempts, limit, message)
  local score, top = micros, call('ZREVRANGE', dead, '0', '0', 'WITHSCORES')[2]
  if top then score = math.max(score, tonumber(top) + 1) end
  call('ZADD', dead, score, key)
  fail(key, attempts, limit, message)
  call('HSET', att, key, attempts)
end

-- putback puts a job before all others, as one that has waited as long.
local function putback(key)
  local since, head = now, call('LINDEX', wait, '0')
  if head then since = math.min(since, tonumber(call('HGET', jobs, head)) or now) end
  call('LPUSH', wait, key)
  call('HSET', jobs, key, since)
end

local at = 10
if completed > 0 then
  local owners = call('HMGET', own, unpack(ARGV, at, at + completed - 1))
  local keys, entries, expiry = {}, {}, string.format('%d', soon + window)
  for i = 1, completed do
    local key = ARGV[at + i - 1]
    if owners[i] == ARGV[at + completed + i - 1] then
      keys[#keys + 1] = key
      entries[#entries + 1] = expiry
      entries[#entries + 1] = key
    else
      refused[#refused + 1] = i
    end
  end
  if #keys > 0 then
    call('HDEL', own, unpack(keys))
    call('HDEL', att, unpack(keys))
    call('HDEL', jobs, unpack(keys))
    call('HDEL', from, unpack(keys))
    call('HDEL', err, unpack(keys))
    call('ZADD', done, unpack(entries))
  end
  at = at + 2 * completed
end

for i = at, #ARGV, 6 do
  local key, owner, attempt, operation, a, b = unpack(ARGV, i, i + 5)
  if call('HGET', own, key) ~= owner then
    refused[#refused + 1] = completed + (i - at) / 6 + 1
  else
    call('HDEL', own, key)
    if operation == 'retry' then
      fail(key, attempt, most, b)
      call('HSET', att, key, attempt)
      call('ZADD', delay, soon + a, key)
    elseif operation == 'bury' then
      bury(key, attempt, a, b)
    else -- release: the attempt does not count
      putback(key)
    end
  end
end

-- One call removes more than one call can add, so that expired jobs are
-- removed eventually.
local old = call('ZRANGEBYSCORE', done, '-inf', present, 'LIMIT', '0', '1000')
if #old > 0 then call('ZREM', done, unpack(old)) end

if blind then
  rest = 0 -- it takes jobs when it can tell how much time has passed: at once
elseif want > 0 then
  -- A delayed job has waited since its time.
  local due = call('ZRANGEBYSCORE', delay, '-inf', present, 'WITHSCORES', 'LIMIT', '0', '1000')
  if #due > 0 then
    local keys = {}
    for i = 1, #due, 2 do keys[#keys + 1] = due[i] end
    call('ZREM', delay, unpack(keys))
    call('RPUSH', wait, unpack(keys))
    call('HSET', jobs, unpack(due))
  end

  -- A consumer whose lease has expired is lost. Its attempts count.
  local expired = call('ZRANGEBYSCORE', lease, '-inf', present, 'LIMIT', '0', '1000')
  if #expired > 0 then
    call('ZREM', lease, unpack(expired))
    local lost, limit = {}, tonumber(most)
    for _, id in ipairs(expired) do lost[id] = {} end
    local running = call('HGETALL', own)
    for i = 1, #running, 2 do
      local id, attempt = string.match(running[i + 1], '^(.*)%.%d+/(%d+)$')
      if lost[id] then table.insert(lost[id], { running[i], tonumber(attempt) }) end
    end
    -- Which of the jobs has killed the process is known only if it had one. The
    -- last attempt waits, so that kills within a moment take no job's last
    -- attempt, and then runs alone. One that was lost beside others is repeated.
    for _, id in ipairs(expired) do
      for _, job in ipairs(lost[id]) do
        local key, attempt = job[1], job[2]
        call('HDEL', own, key)
        if attempt >= limit and #lost[id] == 1 then
          bury(key, attempt, most, lostProcess)
          buried[#buried + 1] = key
        else
          fail(key, attempt, most, lostProcess)
          if attempt + 1 < limit then
            call('HSET', att, key, attempt)
            putback(key)
          else
            call('HSET', att, key, limit - 1 .. ' alone')
            call('ZADD', delay, string.format('%d', soon + pause), key)
          end
          back[#back + 1] = key
        end
      end
    end
  end

  local keys = call('LPOP', wait, ARGV[3])
  local alone = false
  local made = keys and #keys > 0 and call('HMGET', att, unpack(keys)) or {}
  for i, earlier in ipairs(made) do
    if earlier and string.find(earlier, 'alone', 1, true) then
      alone = true
      local first = i == 1 and busy == 0 and 2 or i
      for j = #keys, first, -1 do call('LPUSH', wait, table.remove(keys)) end
      break
    end
  end
  if keys and #keys > 0 then
    local owners, fence = {}, consumer .. '.' .. number .. '/'
    local initial = fence .. '1'
    for i, key in ipairs(keys) do
      local odd = 2 * i - 1
      local attempt = made[i] and string.match(made[i], '^%d+') + 1 or 1
      taken[odd], taken[odd + 1] = key, attempt
      owners[odd], owners[odd + 1] = key, made[i] and fence .. attempt or initial
    end
    call('HSET', own, unpack(owners))
    if call('EXISTS', from) == 1 then
      origins = call('HMGET', from, unpack(keys))
      for i = 1, #keys do origins[i] = origins[i] or '' end
    end
  end

  if #taken > 0 then call('ZADD', lease, string.format('%d', soon + span), consumer) end

  if alone then
    rest = -2
  elseif #due == 2000 or #old == 1000 then
    rest = 0
  elseif #taken < 2 * want then
    local first = math.huge
    for _, key in ipairs({ delay, lease }) do
      local head = call('ZRANGE', key, '0', '0', 'WITHSCORES')[2]
      if head then first = math.min(first, tonumber(head)) end
    end
    if first < math.huge then rest = math.max(first - now, 0) end
  end
end

if #taken == 0 and busy == 0 then call('ZREM', lease, consumer) end

-- One marker wakes one idle consumer, which leaves another if jobs are left.
if call('LLEN', wait) > 0 then call('ZADD', wake, '0', '1') else call('DEL', wake) end

local answer = { taken, origins, refused, back, buried, now, rest }
call('SET', receipt, number .. ' ' .. cmsgpack.pack(answer), 'PX', span + 60000)
return answer
