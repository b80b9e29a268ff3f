-- What the scripts of the records share. The first argument is always the prefix of all keys.
--
--   job:ID          hash: v (counts its changes), body (JSON), state, tier, print, follows (if it does)
--   lead:PRINT      the job that leads this fingerprint; goes when that job ends, at the latest with it
--   followers:ID    the jobs in flight that follow this one, sorted by id
--   lane:STATE:TIER the jobs that stand there, sorted by id
--   expiry          STATE:TIER:ID by the moment at which that record is gone, ms by the server's clock
local prefix = ARGV[1]

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function job_key(id) return prefix .. 'job:' .. id end
local function lead_key(print) return prefix .. 'lead:' .. print end
local function followers_key(id) return prefix .. 'followers:' .. id end
local function lane_key(lane) return prefix .. 'lane:' .. lane end
local expiry_key = prefix .. 'expiry'

local function in_flight(id)
  local state = redis.call('HGET', job_key(id), 'state')
  return state == 'queued' or state == 'running'
end

-- The moment `ttl` from now, for all that goes together: spans would be counted from moments that differ.
local function moment(ttl) return string.format('%.0f', now + ttl) end

-- Puts a record that is written under its state and tier, and sets when it goes.
local function file(id, lane, ttl)
  redis.call('PEXPIREAT', job_key(id), moment(ttl))
  redis.call('ZADD', lane_key(lane), 0, id)
  redis.call('ZADD', expiry_key, moment(ttl), lane .. ':' .. id)
end

local function unfile(id, lane)
  redis.call('ZREM', lane_key(lane), id)
  redis.call('ZREM', expiry_key, lane .. ':' .. id)
end

-- Takes at most `count` records that are gone out of the lanes; returns how many there were.
local function sweep(count)
  local gone = redis.call('ZRANGEBYSCORE', expiry_key, '-inf', '(' .. moment(0), 'LIMIT', 0, count)
  for _, entry in ipairs(gone) do
    local lane, id = string.match(entry, '^(.*):([^:]*)$')
    redis.call('UNLINK', job_key(id))
    unfile(id, lane)
  end
  return #gone
end

-- Writes a record that is new.
local function write(id, body, print, state, tier, follows, ttl)
  redis.call('HSET', job_key(id), 'v', 1, 'body', body, 'state', state, 'tier', tier, 'print', print)
  if follows then
    redis.call('HSET', job_key(id), 'follows', follows)
    redis.call('ZADD', followers_key(follows), 0, id)
    redis.call('PEXPIREAT', followers_key(follows), moment(ttl))
  end
  file(id, state .. ':' .. tier, ttl)
  sweep(4)
end
