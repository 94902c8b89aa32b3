-- SPDX-License-Identifier: MIT
-- All that is in Redis, a line each, TAB between: what the checker looks at
-- when all is quiet. It knows key names and nothing of the library.
--   redis-cli --raw --eval dump.lua PREFIX
--
--   hash KEY FIELD VALUE, member KEY MEMBER SCORE, entry KEY ID RUN STEP,
--   element KEY VALUE, pending KEY COUNT, consumer KEY NAME COUNT,
--   text KEY VALUE, key KEY TTL; last of all: end
-- Its place in the history: what stands behind it there came later. Nobody
-- writes between it and what is read here, for a script is alone.
redis.call('SET', 'storm:dump', 1)
redis.call('DEL', 'storm:dump')

local lines = {}

local function plain(text)
  local kind = string.byte(text, 1) or 0
  -- A short text in msgpack has its length before it.
  if kind >= 0xa0 and kind <= 0xbf then
    text = string.sub(text, 2)
  elseif kind == 0xd9 then
    text = string.sub(text, 3)
  end
  return (string.gsub(string.sub(text, 1, 400), '[^ -~]', '?'))
end

local function line(...)
  lines[#lines + 1] = table.concat({ ... }, '\t')
end

local print_type = {}

function print_type.hash(key)
  local all = redis.call('HGETALL', key)
  for i = 1, #all, 2 do
    line('hash', key, plain(all[i]), plain(all[i + 1]))
  end
end

function print_type.zset(key)
  local all = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
  for i = 1, #all, 2 do
    line('member', key, plain(all[i]), all[i + 1])
  end
end

function print_type.set(key)
  for _, member in ipairs(redis.call('SMEMBERS', key)) do
    line('member', key, plain(member), 0)
  end
end

function print_type.stream(key)
  for _, entry in ipairs(redis.call('XRANGE', key, '-', '+')) do
    line('entry', key, entry[1], entry[2][2], entry[2][4] or '')
  end
  for _, group in ipairs(redis.call('XINFO', 'GROUPS', key)) do
    line('pending', key, group[6])
    for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', key, group[2]))
    do
      line('consumer', key, consumer[2], consumer[4])
    end
  end
end

function print_type.list(key)
  for _, element in ipairs(redis.call('LRANGE', key, 0, -1)) do
    line('element', key, plain(element))
  end
end

function print_type.string(key)
  line('text', key, plain(redis.call('GET', key)))
end

local cursor = '0'
repeat
  local page = redis.call('SCAN', cursor, 'COUNT', 1000)
  cursor = page[1]
  for _, key in ipairs(page[2]) do
    line('key', key, redis.call('PTTL', key))
    print_type[redis.call('TYPE', key).ok](key)
  end
until cursor == '0'
line('end')
return lines
