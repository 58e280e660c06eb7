-- Extends the lease of a consumer and returns the clock, and which of its jobs are
-- lost.
-- ARGV: the consumer, lease in ms, then the keys, then their owners, then what the
-- clock should show by that of the caller, for keepTime.
local expected = tonumber(table.remove(ARGV))
call('ZREM', lease, '') -- as in work.lua, for when memory is full
keepTime(expected)
call('ZADD', lease, 'XX', string.format('%d', soon + ARGV[2]), ARGV[1])
local n = (#ARGV - 2) / 2
local owners = call('HMGET', own, unpack(ARGV, 3, n + 2))
local lost = {}
for i = 1, n do
  if owners[i] ~= ARGV[n + i + 2] then lost[#lost + 1] = i end
end
return { now, lost }
