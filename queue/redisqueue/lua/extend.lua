-- Extends leases and returns the keys of those that are lost.
-- ARGV: lease in ms, then the keys, then their fences.
free()
local n = (#ARGV - 1) / 2
local holders = call('HMGET', own, unpack(ARGV, 2, n + 1))
local lost, leases = {}, {}
for i = 1, n do
  local key = ARGV[i + 1]
  if holders[i] == ARGV[n + i + 1] then
    leases[#leases + 1] = soon + ARGV[1]
    leases[#leases + 1] = key
  else
    lost[#lost + 1] = key
  end
end
if #leases > 0 then call('ZADD', lease, 'XX', unpack(leases)) end
return lost
