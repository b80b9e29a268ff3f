-- Documents in the order of their ids: a flat list of id, version, body. ARGV[3] is the first id or, after
-- a parenthesis, the one before it.
local first, last, limit = ARGV[3], ARGV[4], tonumber(ARGV[5])
local answer, from = {}, first
while #answer < limit * 3 do
  local ids = redis.call('ZRANGEBYLEX', index_key(collection), from, last, 'LIMIT', 0, limit)
  for _, name in ipairs(ids) do
    local found = redis.call('HMGET', doc_key(collection, name), 'v', 'body')
    if found[1] and #answer < limit * 3 then
      for _, part in ipairs({name, found[1], found[2]}) do table.insert(answer, part) end
    end
    from = '(' .. name
  end
  if #ids < limit then break end
end
return answer
