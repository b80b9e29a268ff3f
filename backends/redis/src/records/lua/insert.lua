-- Records a job that leads nobody and follows nobody; no effect if it is there already.
local id, body, print, state, tier, engine, cost = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8]
local ttl, tenant = tonumber(ARGV[9]), ARGV[10]

if redis.call('EXISTS', job_key(id)) == 0 then
  write(id, body, print, state, tier, engine, cost, tenant, false, ttl)
end
return redis.status_reply('OK')
