-- What the scripts of the documents share. The first argument is always the prefix of all keys.
--
--   doc:COLLECTION:ID  hash: v (another one after every change), body
--   docs:COLLECTION    the ids there, sorted
--   doc-expiry         COLLECTION:ID by the moment at which that document is gone, ms by the server's clock
--   count:NAME         a counter
local prefix, collection, id = ARGV[1], ARGV[2], ARGV[3]

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function doc_key(of, name) return prefix .. 'doc:' .. of .. ':' .. name end
local function index_key(of) return prefix .. 'docs:' .. of end
local expiry_key = prefix .. 'doc-expiry'

local function moment(ttl) return string.format('%.0f', now + ttl) end

local function forget(of, name)
  local there = redis.call('UNLINK', doc_key(of, name))
  redis.call('ZREM', index_key(of), name)
  redis.call('ZREM', expiry_key, of .. ':' .. name)
  return there
end

-- Takes at most `count` documents that are gone out of the lists.
local function sweep(count)
  local gone = redis.call('ZRANGEBYSCORE', expiry_key, '-inf', '(' .. moment(0), 'LIMIT', 0, count)
  for _, entry in ipairs(gone) do
    local of, name = string.match(entry, '^([^:]*):(.*)$')
    forget(of, name)
  end
end

-- Whether it may be changed: 'any', 'absent' or a version.
local function holds(only_if)
  if only_if == 'any' then return true end
  local version = redis.call('HGET', doc_key(collection, id), 'v')
  if only_if == 'absent' then return not version end
  return version == only_if
end
