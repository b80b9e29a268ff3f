-- Takes the turn of an envelope back; whether one is free and somebody is behind.
local per_slot, unknown, id = tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7]
local cost = redis.call('HGET', turns_key, id)
if cost then
  redis.call('HDEL', turns_key, id)
  redis.call('HINCRBY', turns_key, 'sum', string.format('%.0f', 0 - cost))
end
if not has_behind() then
  -- Nothing but sum and weight.
  if redis.call('HLEN', turns_key) <= 2 then redis.call('DEL', turns_key) end
  return false
end
return is_free(per_slot, unknown)
