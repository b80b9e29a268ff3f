-- Gives a turn to one from behind the lane; whether another is free.
local per_slot, unknown, id, cost, weight = tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7], ARGV[8], ARGV[9]
redis.call('HSET', turns_key, 'weight', weight)
give(id, cost)
return is_free(per_slot, unknown)
