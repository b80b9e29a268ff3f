-- Notes that a worker is there for so long, or, with 0, that it has left.
local list, member, ttl = prefix .. 'workers:' .. ARGV[2], ARGV[3], tonumber(ARGV[4])
if ttl > 0 then redis.call('ZADD', list, moment(ttl), member) else redis.call('ZREM', list, member) end
redis.call('ZREMRANGEBYSCORE', list, '-inf', moment(0))
return 1
