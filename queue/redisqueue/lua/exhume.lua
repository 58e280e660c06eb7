-- Takes a dead letter out, to wait again with all its attempts or for good.
-- ARGV: key, then retry or discard.
local key, operation = ARGV[1], ARGV[2]
if call('EXISTS', receipt) == 1 then return 'ok' end -- the first answer was lost
if not call('ZSCORE', dead, key) then
  local expiry = call('ZSCORE', done, key)
  if call('HEXISTS', jobs, key) == 1 or expiry and tonumber(expiry) > now then return 'alive' end
  return 'unknown'
end
call('ZREM', dead, key)
call('HDEL', att, key)
if operation == 'retry' then
  call('HSET', jobs, key, present)
  call('RPUSH', wait, key)
  call('ZADD', wake, '0', '1')
else
  call('HDEL', jobs, key)
  call('HDEL', from, key)
  call('HDEL', err, key)
end
call('SET', receipt, '1', 'PX', '60000')
return 'ok'
