-- What the scripts of the records share. The first argument is always the prefix of all keys.
--
--   job:ID          hash: v (grows by one with every change), body (JSON), state, tier, engine, cost (ms), print, tenant, follows (if it does),
--                  moved (1 once it is not as it was submitted any more)
--   lead:PRINT      the job that leads this fingerprint; goes when that job ends, at the latest with it
--   followers:ID    the jobs in flight that follow this one, sorted by id
--   lane:STATE:TIER the jobs that stand there, sorted by id
--   lane:TENANT/STATE:TIER those of a tenant, unless nobody is told apart
--   load:ENGINE:TIER hash: how many leaders run, and the cost (ms) of all that are in flight
--   pool:ENGINE:TIER these leaders, sorted by id and so by age
--   usage:MINUTE    what was computed in that minute: ENGINE:spent, :estimated, :finished (ms), :jobs
--   tenants:DAY     what was computed for whom on that day: TENANT:spent (ms), :jobs
--   workers:ENGINE  ID:SLOTS of the workers that are there, by the moment until which they are
--   split           how compute is divided (JSON)
--   weights         what each of these jobs has been counted as there: ENGINE:TIER:COST:RUNNING by id
--   outbox          queued leaders of which nobody has said that they are in the queue, by when they came
--   expiry          STATE:TIER:ID or TENANT/STATE:TIER:ID by the moment at which that record is gone, ms by the server's clock
local prefix = ARGV[1]

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function job_key(id) return prefix .. 'job:' .. id end
local function lead_key(print) return prefix .. 'lead:' .. print end
local function followers_key(id) return prefix .. 'followers:' .. id end
local function lane_key(lane) return prefix .. 'lane:' .. lane end
local expiry_key = prefix .. 'expiry'
local outbox_key = prefix .. 'outbox'
local weights_key = prefix .. 'weights'
local function load_key(pool) return prefix .. 'load:' .. pool end
local function pool_key(pool) return prefix .. 'pool:' .. pool end
local minute = math.floor(now / 60000)
local function usage_key(at) return prefix .. 'usage:' .. string.format('%.0f', at) end
local today = math.floor(now / 86400000)
local function tenants_key(day) return prefix .. 'tenants:' .. string.format('%.0f', day) end

local function in_flight(id)
  local state = redis.call('HGET', job_key(id), 'state')
  return state == 'queued' or state == 'running'
end

-- The moment `ttl` from now, for all that goes together: spans would be counted from moments that differ.
local function moment(ttl) return string.format('%.0f', now + ttl) end

-- Where a job stands, with whose it is before it.
local function lane_of(tenant, state, tier)
  local lane = state .. ':' .. tier
  if tenant and tenant ~= 'default' then return tenant .. '/' .. lane end
  return lane
end

-- The lanes of everybody and, if there is one, of its tenant.
local function lane_keys(lane)
  local of_all = string.match(lane, '^[^/]+/(.*)$')
  if of_all then return {lane_key(lane), lane_key(of_all)} end
  return {lane_key(lane)}
end

-- Puts a record that is written under its state and tier, and sets when it goes.
local function file(id, lane, ttl)
  redis.call('PEXPIREAT', job_key(id), moment(ttl))
  for _, key in ipairs(lane_keys(lane)) do redis.call('ZADD', key, 0, id) end
  redis.call('ZADD', expiry_key, moment(ttl), lane .. ':' .. id)
end

local function unfile(id, lane)
  for _, key in ipairs(lane_keys(lane)) do redis.call('ZREM', key, id) end
  redis.call('ZREM', expiry_key, lane .. ':' .. id)
end

-- Takes a leader out of the load of its pool.
local function unweigh(id)
  local weight = redis.call('HGET', weights_key, id)
  if not weight then return end
  redis.call('HDEL', weights_key, id)
  local pool, cost, running = string.match(weight, '^(.*):([^:]*):([^:]*)$')
  redis.call('ZREM', pool_key(pool), id)
  local cost_left = redis.call('HINCRBY', load_key(pool), 'cost', string.format('%.0f', 0 - cost))
  local running_left = 0
  if running ~= '0' then
    running_left = redis.call('HINCRBY', load_key(pool), 'running', string.format('%.0f', 0 - running))
  elseif cost_left <= 0 then
    running_left = tonumber(redis.call('HGET', load_key(pool), 'running') or 0)
  end
  if cost_left <= 0 and running_left <= 0 then redis.call('DEL', load_key(pool)) end
end

-- Counts a leader that is in flight in the load of its pool; `running` is 0 or 1.
local function weigh(id, running)
  local weight = redis.call('HGET', weights_key, id)
  if weight then
    local pool, cost, was_running = string.match(weight, '^(.*):([^:]*):([^:]*)$')
    redis.call('HINCRBY', load_key(pool), 'running', string.format('%.0f', running - was_running))
    redis.call('HSET', weights_key, id, pool .. ':' .. cost .. ':' .. running)
    return
  end
  local about = redis.call('HMGET', job_key(id), 'engine', 'tier', 'cost')
  -- A record may be over as soon as it is written.
  if not about[1] then return end
  local pool, cost = about[1] .. ':' .. about[2], about[3]
  redis.call('ZADD', pool_key(pool), 0, id)
  redis.call('HINCRBY', load_key(pool), 'cost', cost)
  if running ~= 0 then redis.call('HINCRBY', load_key(pool), 'running', running) end
  redis.call('HSET', weights_key, id, pool .. ':' .. cost .. ':' .. running)
end

-- Counts a job that is queued and leads now; it is to be published.
local function lead(id)
  weigh(id, 0)
  redis.call('ZADD', outbox_key, moment(0), id)
end

-- Takes at most `count` records that are gone out of the lanes; returns how many there were.
local function sweep(count)
  local gone = redis.call('ZRANGEBYSCORE', expiry_key, '-inf', '(' .. moment(0), 'LIMIT', 0, count)
  for _, entry in ipairs(gone) do
    local lane, id = string.match(entry, '^(.*):([^:]*)$')
    redis.call('UNLINK', job_key(id))
    redis.call('ZREM', outbox_key, id)
    unweigh(id)
    unfile(id, lane)
  end
  return #gone
end

-- The moment, microseconds: a record that was lost and made anew never has a version that it had before.
local function first_version() return string.format('%.0f', time[1] * 1000000 + time[2]) end

-- Writes a record that is new.
local function write(id, body, print, state, tier, engine, cost, tenant, follows, ttl)
  redis.call('HSET', job_key(id), 'v', first_version(), 'body', body, 'state', state, 'tier', tier, 'print', print,
    'engine', engine, 'cost', cost, 'tenant', tenant)
  if follows then
    redis.call('HSET', job_key(id), 'follows', follows)
    redis.call('ZADD', followers_key(follows), 0, id)
    redis.call('PEXPIREAT', followers_key(follows), moment(ttl))
  end
  file(id, lane_of(tenant, state, tier), ttl)
  sweep(4)
end
