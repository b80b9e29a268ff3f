-- Adds to a counter, which is gone `ttl` after it began.
local key = prefix .. 'count:' .. ARGV[2]
local value = redis.call('INCRBY', key, ARGV[3])
if redis.call('PTTL', key) < 0 then redis.call('PEXPIRE', key, ARGV[4]) end
return value
