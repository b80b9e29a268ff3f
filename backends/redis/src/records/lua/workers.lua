-- The workers of an engine that are there.
return redis.call('ZRANGEBYSCORE', prefix .. 'workers:' .. ARGV[2], moment(0), '+inf')
