-- Adds the jobs that the queue does not know. Without memory the first write
-- is refused, and so all are.
-- ARGV: how many may run at once and how many are to wait, the keys of the
-- former, then the others' keys and due times, then keys and metadata of those
-- that have some.
local ready, later = tonumber(ARGV[1]), tonumber(ARGV[2])
local keys, due, origin = {}, {}, {}
for i = 3, ready + 2 do keys[i - 2] = ARGV[i] end
local rest = ready + 3 + 2 * later
for i = ready + 3, rest - 1, 2 do
  keys[#keys + 1] = ARGV[i]
  due[#keys] = ARGV[i + 1]
end
for i = rest, #ARGV, 2 do origin[ARGV[i]] = ARGV[i + 1] end

local live = call('HMGET', jobs, unpack(keys))
local finished = call('ZMSCORE', done, unpack(keys))
local entries, origins, waiting, delayed, forgotten = {}, {}, {}, {}, {}
local first = math.huge
for i, key in ipairs(keys) do
  local expiry = finished[i]
  if not live[i] and not (expiry and tonumber(expiry) > now) then
    entries[#entries + 1] = key
    entries[#entries + 1] = present
    if origin[key] then
      origins[#origins + 1] = key
      origins[#origins + 1] = origin[key]
    end
    if due[i] and tonumber(due[i]) > now then
      delayed[#delayed + 1] = due[i]
      delayed[#delayed + 1] = key
      first = math.min(first, tonumber(due[i]))
    else
      waiting[#waiting + 1] = key
    end
    if expiry then forgotten[#forgotten + 1] = key end
  end
end
if #entries == 0 then return 0 end

claim()
call('HSET', jobs, unpack(entries))
if #origins > 0 then call('HSET', from, unpack(origins)) end
if #forgotten > 0 then call('ZREM', done, unpack(forgotten)) end
local rouse = #waiting > 0
if #waiting > 0 then call('RPUSH', wait, unpack(waiting)) end
if #delayed > 0 then
  -- Wake a consumer, since there is an earlier time to wait for.
  local head = call('ZRANGE', delay, '0', '0', 'WITHSCORES')[2]
  rouse = rouse or not head or first < tonumber(head)
  call('ZADD', delay, unpack(delayed))
end
if rouse then call('ZADD', wake, '0', '1') end
return #entries / 2
