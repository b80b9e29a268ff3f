-- Stores a blob, evicting others for it. Returns whether there was room.
local path, limit, size = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local moment, cache_ttl, pin_ttl = ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7])

-- Those that nobody came back for.
local forgotten = redis.call('ZRANGEBYSCORE', pins, '-inf', string.format('%.0f', now), 'LIMIT', 0, 100)
for _, other in ipairs(forgotten) do unpin(other, moment, cache_ttl) end

-- Most are new.
local is_known = redis.call('HEXISTS', sizes, path) == 1
local cached, pinned = sums()
local old, was_pinned = 0, false
if is_known then old, was_pinned = counted(path) end
if pinned - (was_pinned and old or 0) + size > limit then return 0 end

if is_known then
  remove(path)
  cached, pinned = sums()
end
while cached + pinned + size > limit do
  local victim = redis.call('ZRANGE', lru, 0, 0)[1]
  if not victim then break end
  remove(victim)
  cached, pinned = sums()
end

redis.call('HSET', blob_key(path), 'type', ARGV[9], 'bytes', ARGV[10])
redis.call('HSET', sizes, path, ARGV[4])
if ARGV[8] == 'pinned' then
  redis.call('ZADD', pins, string.format('%.0f', now + pin_ttl), path)
  add('pinned', size)
else
  redis.call('ZADD', lru, moment, path)
  redis.call('PEXPIRE', blob_key(path), cache_ttl)
  add('cached', size)
end
return 1
