-- Adds the jobs that the queue does not know. Without memory the first write
-- is refused, and so all are.
-- ARGV: how many run at once, their keys, then the others' keys and due times.
local ready = tonumber(ARGV[1])
local keys, due = {}, {}
for i = 2, ready + 1 do keys[#keys + 1] = ARGV[i] end
for i = ready + 2, #ARGV, 2 do
  keys[#keys + 1] = ARGV[i]
  due[#keys] = tonumber(ARGV[i + 1])
end

local live = call('HMGET', jobs, unpack(keys))
local finished = call('ZMSCORE', done, unpack(keys))
local entries, waiting, delayed, forgotten = {}, {}, {}, {}
local first = math.huge
for i, key in ipairs(keys) do
  if not live[i] and not known(finished[i]) then
    entries[#entries + 1] = key
    entries[#entries + 1] = now
    if due[i] and due[i] > now then
      delayed[#delayed + 1] = due[i]
      delayed[#delayed + 1] = key
      first = math.min(first, due[i])
    else
      waiting[#waiting + 1] = key
    end
    if finished[i] then forgotten[#forgotten + 1] = key end
  end
end
if #entries == 0 then return 0 end

if not version then call('SET', layout, '1') end
call('HSET', jobs, unpack(entries))
if #forgotten > 0 then call('ZREM', done, unpack(forgotten)) end
if #waiting > 0 then
  call('RPUSH', wait, unpack(waiting))
  awaken()
end
if #delayed > 0 then
  local head = call('ZRANGE', delay, 0, 0, 'WITHSCORES')[2]
  call('ZADD', delay, unpack(delayed))
  -- Somebody has to hear that there is an earlier time to wait for.
  if not head or first < tonumber(head) then awaken() end
end
return #entries / 2
