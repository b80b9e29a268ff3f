-- Writes a record anew if it is still the one that was read, and publishes its id and whether it has
-- ended. Returns whether it was.
local id, version, body, state, ended, ttl = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6] == '1', tonumber(ARGV[7])

local was = redis.call('HMGET', job_key(id), 'v', 'state', 'tier', 'print', 'follows')
local old_state, tier, print, follows = was[2], was[3], was[4], was[5]
if was[1] ~= version then return 0 end

redis.call('HSET', job_key(id), 'v', version + 1, 'body', body, 'state', state)
-- Most changes are progress, which leaves it where it stands.
local moves = state ~= old_state
if moves then unfile(id, old_state .. ':' .. tier) end
file(id, state .. ':' .. tier, ttl)

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
redis.call('PUBLISH', prefix .. 'moves', id .. ' ' .. (ended and 'ended' or 'moved'))
sweep(4)
return 1
