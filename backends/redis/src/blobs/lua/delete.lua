-- Removes a blob.
remove(ARGV[2])
return redis.status_reply('OK')
