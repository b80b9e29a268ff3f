-- Writes a record anew if it is still the one that was read, and publishes its id and whether it has
-- ended. Returns whether it was.
local id, version, body, state, ended, ttl = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6] == '1', tonumber(ARGV[7])

local was = redis.call('HMGET', job_key(id), 'v', 'state', 'tier', 'print', 'follows', 'tenant')
local old_state, tier, print, follows, tenant = was[2], was[3], was[4], was[5], was[6]
if was[1] ~= version then return 0 end

redis.call('HSET', job_key(id), 'v', version + 1, 'body', body, 'state', state)
-- Most changes are progress, which leaves it where it stands.
local moves = state ~= old_state
if moves then unfile(id, lane_of(tenant, old_state, tier)) end
file(id, lane_of(tenant, state, tier), ttl)

if moves and not follows then
  if ended then unweigh(id) else weigh(id, state == 'running' and 1 or 0) end
  redis.call('ZREM', outbox_key, id)
end

local leads = redis.call('GET', lead_key(print)) == id
if ended then
  if leads then redis.call('DEL', lead_key(print)) end
  if follows then redis.call('ZREM', followers_key(follows), id) end
else
  if leads then redis.call('PEXPIREAT', lead_key(print), moment(ttl)) end
  if follows then redis.call('PEXPIREAT', followers_key(follows), moment(ttl)) end
end
-- What this change has computed, and, if it was the last, what the job had been thought to cost.
local spent, estimated, finished, jobs = ARGV[8], ARGV[9], ARGV[10], ARGV[11]
if spent then
  local engine = redis.call('HGET', job_key(id), 'engine')
  local usage = usage_key(minute)
  for field, more in pairs({spent = spent, estimated = estimated, finished = finished, jobs = jobs}) do
    if more ~= '0' then redis.call('HINCRBY', usage, engine .. ':' .. field, more) end
  end
  redis.call('EXPIRE', usage, 7500)
  if tenant and tenant ~= 'default' then
    local used = tenants_key(today)
    redis.call('HINCRBY', used, tenant .. ':spent', spent)
    if jobs ~= '0' then redis.call('HINCRBY', used, tenant .. ':jobs', jobs) end
    redis.call('EXPIRE', used, 36 * 86400)
  end
end

redis.call('PUBLISH', prefix .. 'moves', id .. ' ' .. (ended and 'ended' or 'moved'))
sweep(4)
return 1
