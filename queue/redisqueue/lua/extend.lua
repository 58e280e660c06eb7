-- Extends leases and returns the keys of those that are lost.
-- ARGV: lease in ms, then the keys, then their owners.
call('ZREM', lease, '') -- as in work.lua, for when memory is full
local n = (#ARGV - 1) / 2
local owners = call('HMGET', own, unpack(ARGV, 2, n + 1))
local lost, leases, expiry = {}, {}, string.format('%d', soon + ARGV[1])
for i = 1, n do
  local key = ARGV[i + 1]
  if owners[i] == ARGV[n + i + 1] then
    leases[#leases + 1] = expiry
    leases[#leases + 1] = key
  else
    lost[#lost + 1] = key
  end
end
if #leases > 0 then call('ZADD', lease, 'XX', unpack(leases)) end
return lost
