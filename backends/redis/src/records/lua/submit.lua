-- Records a job as the leader of its fingerprint, or as a follower of the one in flight. A job that is
-- there already stays as it is. Returns whether it was ('1' or '0') and, for one that does not lead, the
-- leader, its tier and its state.
local id, body, print, state, tier, engine, cost = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8]
local ttl, tenant = tonumber(ARGV[9]), ARGV[10]

local leader
local was_there = redis.call('EXISTS', job_key(id)) == 1
if was_there then
  leader = redis.call('HGET', job_key(id), 'follows')
else
  leader = redis.call('GET', lead_key(print))
  if leader and not in_flight(leader) then leader = false end
  if not leader then redis.call('SET', lead_key(print), id, 'PXAT', moment(ttl)) end
  write(id, body, print, state, tier, engine, cost, tenant, leader, ttl)
  if not leader then lead(id) end
end
if not leader then return {was_there and '1' or '0'} end
local tier_and_state = redis.call('HMGET', job_key(leader), 'tier', 'state')
return {was_there and '1' or '0', leader, tier_and_state[1], tier_and_state[2]}
