-- Writes a document; returns its version, or nothing if the condition does not hold.
local body, ttl, only_if = ARGV[4], tonumber(ARGV[5]), ARGV[6]
if not holds(only_if) then return false end

local key = doc_key(collection, id)
-- The moment, microseconds, so that one that was lost and made anew never has a version that it had before.
local version = time[1] * 1000000 + time[2]
local before = tonumber(redis.call('HGET', key, 'v') or '0')
if version <= before then version = before + 1 end
local text = string.format('%.0f', version)

redis.call('HSET', key, 'v', text, 'body', body)
redis.call('ZADD', index_key(collection), 0, id)
if ttl > 0 then
  redis.call('PEXPIREAT', key, moment(ttl))
  redis.call('ZADD', expiry_key, moment(ttl), collection .. ':' .. id)
else
  redis.call('PERSIST', key)
  redis.call('ZREM', expiry_key, collection .. ':' .. id)
end
sweep(4)
return text
