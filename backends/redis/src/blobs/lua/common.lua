-- What the scripts of the blobs share. The first argument is always the prefix of all keys.
--
--   blob:PATH    hash: type, bytes. A cached one goes by itself some time after its last use.
--   blobs:sizes  PATH -> bytes that it is counted with
--   blobs:lru    the cached ones by their last use, microseconds
--   blobs:pinned the pinned ones by the moment at which they are unpinned, ms by the server's clock
--   blobs:totals cached, pinned: sums of the sizes
--
-- What has gone by itself stays counted until its turn to be evicted has come: it was used least
-- recently, so that it is the first.
local prefix = ARGV[1]
local sizes, lru = prefix .. 'blobs:sizes', prefix .. 'blobs:lru'
local pins, totals = prefix .. 'blobs:pinned', prefix .. 'blobs:totals'

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function blob_key(path) return prefix .. 'blob:' .. path end

-- Bytes that are cached and pinned.
local function sums()
  local both = redis.call('HMGET', totals, 'cached', 'pinned')
  return tonumber(both[1] or 0), tonumber(both[2] or 0)
end

local function add(kind, bytes)
  -- Lua writes the negative of nothing as "-0", which is no number to Redis.
  if bytes ~= 0 then redis.call('HINCRBY', totals, kind, string.format('%.0f', bytes)) end
end

-- What is counted for this path: bytes, and whether they are pinned.
local function counted(path)
  local size = tonumber(redis.call('HGET', sizes, path) or 0)
  return size, redis.call('ZSCORE', pins, path) ~= false
end

-- Removes a blob, if it is there, and counts it no more.
local function remove(path)
  local size, pinned = counted(path)
  redis.call('UNLINK', blob_key(path))
  redis.call('HDEL', sizes, path)
  redis.call('ZREM', lru, path)
  redis.call('ZREM', pins, path)
  add(pinned and 'pinned' or 'cached', -size)
end

-- Makes a pinned blob a cached one, last used at `moment`; no effect on any other.
local function unpin(path, moment, ttl)
  if redis.call('ZREM', pins, path) == 0 then return end
  local size = counted(path)
  add('pinned', -size)
  add('cached', size)
  redis.call('ZADD', lru, moment, path)
  redis.call('PEXPIRE', blob_key(path), ttl)
end
