-- Writes a record anew if it is still the one that was read, and publishes how far it has come and, if it has
-- ended and is short, itself. A version of 'new' stands for a leader as it was submitted, in this tier and by
-- this tenant. Returns the version that was written, or 0; and whether others follow a job that has ended.
local id, version, body, state, ended, ttl = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6] == '1', tonumber(ARGV[7])
local progress = ARGV[10]
-- No longer bodies go to everybody who listens.
local SHORT = 4096

local was = redis.call('HMGET', job_key(id), 'v', 'state', 'tier', 'print', 'follows', 'tenant', 'engine', 'moved')
local old_state, tier, print, follows, tenant = was[2], was[3], was[4], was[5], was[6]
if version == 'new' then
  if not was[1] or was[8] or follows or tier ~= ARGV[8] or (tenant or 'default') ~= ARGV[9] then return {0, 0} end
  version = was[1]
end
if was[1] ~= version then return {0, 0} end

local new_version = string.format('%.0f', version + 1)
redis.call('HSET', job_key(id), 'v', new_version, 'body', body, 'state', state, 'moved', '1')
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
local spent, estimated, finished, jobs = ARGV[11], ARGV[12], ARGV[13], ARGV[14]
if spent then
  local engine = was[7]
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

local news = ' moved ' .. progress
if ended then
  news = ' ended'
  if #body <= SHORT then news = news .. ' ' .. new_version .. ' ' .. body end
end
redis.call('PUBLISH', prefix .. 'moves', id .. news)
return {tonumber(new_version), ended and redis.call('EXISTS', followers_key(id)) or 0}
