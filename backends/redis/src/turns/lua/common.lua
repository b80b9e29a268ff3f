-- What the scripts of the turns share. The first argument is always the prefix of all keys, then come
-- engine, tier and tenant.
--
--   turns:ENGINE:TIER:TENANT  hash: cost (ms) by the id of each envelope that has a turn, their sum, and the tenant's weight
--   behind:ENGINE:TIER        the tenants that may have envelopes behind the lane
--   slots:ENGINE              how many slots are up, counted a moment ago
--   workers:ENGINE            as the job records have it
local prefix, engine, tier, tenant = ARGV[1], ARGV[2], ARGV[3], ARGV[4]

-- Turns that were never given back are forgotten when the tenant has taken none for so long (s).
local LAPSE = 3600
-- For how long (ms) a count of the slots is good enough.
local FRESH = 2000

local turns_key = prefix .. 'turns:' .. engine .. ':' .. tier .. ':' .. (tenant or '')
local behind_key = prefix .. 'behind:' .. engine .. ':' .. tier

local function slots(unknown)
  local key = prefix .. 'slots:' .. engine
  local known = redis.call('GET', key)
  if known then return tonumber(known) end
  local time = redis.call('TIME')
  local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
  local sum = 0
  for _, worker in ipairs(redis.call('ZRANGEBYSCORE', prefix .. 'workers:' .. engine, now, '+inf')) do
    sum = sum + tonumber(string.match(worker, ':(%d+)$') or 0)
  end
  if sum == 0 then sum = unknown end
  redis.call('SET', key, sum, 'PX', FRESH)
  return sum
end

-- Whether the tenant has less in the lane than it may.
local function is_free(per_slot, unknown)
  local known = redis.call('HMGET', turns_key, 'sum', 'weight')
  local sum, weight, slots = tonumber(known[1] or 0), tonumber(known[2] or 1), slots(unknown)
  -- All but sum and weight are envelopes.
  local jobs = redis.call('HLEN', turns_key) - 2
  return jobs < math.max(1, math.ceil(slots / 4)) * weight or sum < slots * per_slot * weight
end

local function give(id, cost)
  if redis.call('HSETNX', turns_key, id, cost) == 1 then redis.call('HINCRBY', turns_key, 'sum', cost) end
  redis.call('EXPIRE', turns_key, LAPSE)
end

local function has_behind() return redis.call('SISMEMBER', behind_key, tenant) == 1 end
