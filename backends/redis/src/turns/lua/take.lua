-- Gives an envelope a turn (1), or notes that its tenant has some behind the lane (0).
local per_slot, unknown, id, cost, weight = tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7], ARGV[8], ARGV[9]

if redis.call('HEXISTS', turns_key, id) == 1 then return 1 end
redis.call('HSET', turns_key, 'weight', weight)
redis.call('EXPIRE', turns_key, LAPSE)
if has_behind() or not is_free(per_slot, unknown) then
  redis.call('SADD', behind_key, tenant)
  return 0
end
give(id, cost)
return 1
