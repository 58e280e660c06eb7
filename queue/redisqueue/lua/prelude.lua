-- What all scripts begin with. Every key is in one hash slot.
local layout, jobs, wait, delay, lease, own, att, err, dead, done, wake, receipt = unpack(KEYS)
local call = redis.call

local version = call('GET', layout)
if version and version ~= '1' then
  return redis.error_reply('LAYOUT the queue has layout ' .. version .. ', this program knows layout 1')
end

-- Never early: what has happened counts from the millisecond that has begun,
-- what is to wait from the one that comes.
local time = call('TIME')
local micros = time[1] * 1000000 + time[2]
local now = math.floor(micros / 1000)
local soon = math.ceil(micros / 1000)

-- known tells whether a score of a completed job is within its window.
local function known(expiry) return expiry and tonumber(expiry) > now end

-- free comes first in scripts that must work when memory is full. Redis then
-- refuses a script at its first write, if that may need memory, but at none
-- that follows a removal, even one of nothing.
local function free() call('ZREM', lease, '') end

-- One marker wakes one idle consumer, which leaves another if jobs are left.
local function awaken() call('ZADD', wake, 0, '1') end
