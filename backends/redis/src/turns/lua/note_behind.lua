-- Notes that the tenant has some behind the lane; whether a turn is free.
redis.call('SADD', behind_key, tenant)
return is_free(tonumber(ARGV[5]), tonumber(ARGV[6]))
