-- Takes a dead letter out, to wait again with all its attempts or for good.
-- ARGV: key, then retry or discard.
local key, operation = ARGV[1], ARGV[2]
if call('EXISTS', receipt) == 1 then return 'ok' end -- the first answer was lost
if not call('ZSCORE', dead, key) then
  if call('HEXISTS', jobs, key) == 1 or known(call('ZSCORE', done, key)) then return 'alive' end
  return 'unknown'
end
call('ZREM', dead, key)
call('HDEL', err, key)
call('HDEL', att, key)
if operation == 'retry' then
  call('HSET', jobs, key, now)
  call('RPUSH', wait, key)
  awaken()
else
  call('HDEL', jobs, key)
end
call('SET', receipt, '1', 'PX', 60000)
return 'ok'
