-- The leaders that have been in the outbox for `age` ms, at most `count` of them; they begin anew there.
local age, count = tonumber(ARGV[2]), tonumber(ARGV[3])

local waiting = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', outbox_key, '-inf', moment(-age), 'LIMIT', 0, count)) do
  if in_flight(id) then
    redis.call('ZADD', outbox_key, moment(0), id)
    table.insert(waiting, id)
  else
    redis.call('ZREM', outbox_key, id)
  end
end
return waiting
