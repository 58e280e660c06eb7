-- What all scripts begin with. Every key is in one hash slot. The scripts pass
-- numbers that they use often as strings, which costs Redis far less.
local layout, jobs, wait, delay, lease, own, att, from, err, dead, done, wake, clock, receipt = unpack(KEYS)
local call = redis.call

-- The last argument is the owner of the queue, '' if the program does not say.
local owner = table.remove(ARGV)
local version, holder = nil, ''
local stored = call('GET', layout)
if stored then version, holder = string.match(stored, '^(%S*) ?(.*)$') end
if version and version ~= '1' then
  return redis.error_reply('LAYOUT the queue has layout ' .. version .. ' of a newer release, this program knows layout 1: run the newer release')
end
if owner ~= '' and holder ~= '' and owner ~= holder then
  return redis.error_reply('OWNER the queue belongs to ' .. holder .. ', not to ' .. owner)
end

-- claim stores the layout and the owner.
local function claim()
  if not version or owner ~= holder and owner ~= '' then
    call('SET', layout, owner == '' and '1' or '1 ' .. owner)
  end
end

-- Never early: what has happened counts from the millisecond that has begun,
-- what is to wait from the one that comes.
local time = call('TIME')
local micros = time[1] * 1000000 + time[2]
local now = math.floor(micros / 1000)
local soon = now + 1
local present = string.format('%d', now)

-- keepTime moves leases and the waits of failed jobs with a clock that was set
-- back. They are spans of time; RunAt is a time.
local function keepTime()
  local seen = tonumber(call('GET', clock) or 0)
  if now < seen - 1000 then
    for _, id in ipairs(call('ZRANGE', lease, '0', '-1')) do call('ZINCRBY', lease, now - seen, id) end
    for _, key in ipairs(call('ZRANGE', delay, '0', '-1')) do
      if call('HEXISTS', att, key) == 1 then call('ZINCRBY', delay, now - seen, key) end
    end
  end
  if now < seen or now - seen >= 1000 then call('SET', clock, present) end
end
