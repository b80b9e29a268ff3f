-- What was computed in the last so many minutes: a flat list of engine, field, sum.
local sums = {}
for ago = 0, tonumber(ARGV[2]) - 1 do
  local found = redis.call('HGETALL', usage_key(minute - ago))
  for i = 1, #found, 2 do sums[found[i]] = (sums[found[i]] or 0) + found[i + 1] end
end
local answer = {}
for name, sum in pairs(sums) do
  local engine, field = string.match(name, '^(.*):([^:]*)$')
  for _, word in ipairs({engine, field, string.format('%.0f', sum)}) do table.insert(answer, word) end
end
return answer
