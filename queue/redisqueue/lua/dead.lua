-- Lists dead letters, the latest first: key, score, attempts, the greatest
-- number of attempts with the failures, and origin.
-- ARGV: the score to begin before, and how many.
local found = call('ZREVRANGEBYSCORE', dead, ARGV[1], '-inf', 'WITHSCORES', 'LIMIT', 0, ARGV[2])
local list = {}
for i = 1, #found, 2 do
  local key = found[i]
  list[#list + 1] = { key, found[i + 1], call('HGET', att, key) or '0', call('HGET', err, key) or '0:[]', call('HGET', from, key) or '' }
end
return list
