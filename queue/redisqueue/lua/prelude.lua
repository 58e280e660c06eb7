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
-- back or forward. They are spans of time; RunAt is a time. The clock was set
-- forward if it shows more than expected by that of the caller, 0 if the caller has
-- made no call yet, and if no other call has seen that time. Returns whether the
-- caller cannot tell how much time has passed.
local function keepTime(expected)
  local seen = tonumber(call('GET', clock) or 0)
  if seen > 0 and expected == 0 and now - seen >= 1000 then return true end
  local moved = 0
  if now < seen - 1000 then
    moved = now - seen
  elseif seen > 0 and expected > 0 then
    moved = math.min(now - expected, now - seen)
    if moved < 1000 then moved = 0 end
  end
  if moved ~= 0 then
    for _, id in ipairs(call('ZRANGE', lease, '0', '-1')) do call('ZINCRBY', lease, moved, id) end
    for _, key in ipairs(call('ZRANGE', delay, '0', '-1')) do
      if call('HEXISTS', att, key) == 1 then call('ZINCRBY', delay, moved, key) end
    end
  end
  if now < seen or now - seen >= 1000 then call('SET', clock, present) end
  return false
end
