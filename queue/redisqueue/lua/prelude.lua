-- What all scripts begin with. Every key is in one hash slot. The scripts pass
-- numbers that they use often as strings, which costs Redis far less.
local layout, jobs, wait, delay, lease, own, att, from, err, dead, done, wake, receipt = unpack(KEYS)
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
local soon = now + 1
local present = string.format('%d', now)
