-- Lets `heir` take over from `old_leader`, if it is in flight and still follows it. Another job with
-- the same fingerprint may lead already: then everybody follows that one.
local old_leader, heir, ttl = ARGV[2], ARGV[3], tonumber(ARGV[4])

local about = redis.call('HMGET', job_key(heir), 'follows', 'print')
if about[1] ~= old_leader or not in_flight(heir) then return redis.status_reply('OK') end

local leader = redis.call('GET', lead_key(about[2]))
if not leader or leader == old_leader or not in_flight(leader) then leader = heir end

for _, id in ipairs(redis.call('ZRANGE', followers_key(old_leader), 0, -1)) do
  if redis.call('EXISTS', job_key(id)) == 1 then
    if id == leader then
      redis.call('HDEL', job_key(id), 'follows')
      lead(id)
    else
      redis.call('HSET', job_key(id), 'follows', leader)
      redis.call('ZADD', followers_key(leader), 0, id)
    end
    redis.call('HINCRBY', job_key(id), 'v', 1)
    redis.call('HSET', job_key(id), 'moved', '1')
  end
end
redis.call('UNLINK', followers_key(old_leader))
redis.call('PEXPIREAT', followers_key(leader), moment(ttl))
redis.call('SET', lead_key(about[2]), leader, 'PXAT', redis.call('PEXPIRETIME', job_key(leader)))
return redis.status_reply('OK')
