-- What has been computed for a tenant, so many days ago: milliseconds, jobs.
local tenant, ago = ARGV[2], tonumber(ARGV[3])
return redis.call('HMGET', tenants_key(today - ago), tenant .. ':spent', tenant .. ':jobs')
