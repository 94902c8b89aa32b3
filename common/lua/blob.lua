-- Big values: outputs that workers keep in files, the blobs, of which an
-- output in Redis is a reference only (include/treadle/blob.h).
--
-- A blob is named `<hash>-<run>`, by its content and the run that held it
-- first. Runs hold blobs: `:blobs:<run>` has the hashes of those that it holds,
-- `:blobs` says for each hash which run held it first, and how many do. A run
-- holds a blob before it is written, and lets go of all when it is removed.
-- When nobody holds it any more it is garbage, for good: were the same content
-- held again, it would be a blob of another name. So who collects garbage,
-- however late, takes nothing that is referred to.

local blob = {}

do

local AGAIN_MS = 3600000 -- until a blob is collected a second time

-- The run holds the content from now on. Returns the name of the blob.
local function hold(p, id, hash)
  local first, holders = string.match(
    call('HGET', p .. 'blobs', hash) or id .. ' 0', '^(%S+) (%d+)$')
  if call('SADD', p .. 'blobs:' .. id, hash) == 1 then
    call('HSET', p .. 'blobs', hash, first .. ' ' .. text_of(holders + 1))
    call('HSET', p .. 'run:' .. id, 'blobs', '1')
  end
  return hash .. '-' .. first
end

-- Lets the runs of running steps hold blobs, before these are written.
-- WORKER (ENTRY RUN STEP ATTEMPT HASH)... Returns for each the blob's name, or
-- the word that complete would answer.
-- Afterwards, if it is a name: what is written under it stays as long as the
-- run is there.
function blob.hold(p, args)
  check_items(args, 5)
  local batch, answer = batch_new(p), {}
  for i = 2, #args, 5 do
    local at, why = read_held(batch, args[1], args[i + 1], args[i + 2], args[i],
      args[i + 3])
    answer[#answer + 1] = at and hold(p, at.id, args[i + 4]) or why
  end
  batch_end(batch)
  return answer
end

-- What an output refers to: the hash, the name and the bytes; or nil.
function blob.reference(output)
  if string.byte(output, 1) ~= 0xc7 or string.sub(output, 3, 3) ~= 'T' then
    return nil
  end
  local name, bytes = string.match(output, '^(%x+%-%w+) (%d+)$', 4)
  return name and string.sub(name, 1, 64), name, bytes
end

-- The run is given an output of another one, which is there: it holds what
-- that refers to as well.
function blob.share(p, id, output)
  local hash = blob.reference(output)
  if hash then
    hold(p, id, hash)
  end
end

-- The run is given outputs of another one: it holds what that holds.
function blob.share_all(p, source, id)
  for _, hash in ipairs(call('SMEMBERS', p .. 'blobs:' .. source)) do
    hold(p, id, hash)
  end
end

-- The run is being removed, and lets go of its blobs.
function run.release_blobs(p, id, now)
  local key = p .. 'blobs:' .. id
  for _, hash in ipairs(call('SMEMBERS', key)) do
    local first, holders = string.match(
      call('HGET', p .. 'blobs', hash) or '', '^(%S+) (%d+)$')
    if first and tonumber(holders) > 1 then
      call('HSET', p .. 'blobs', hash, first .. ' ' .. text_of(holders - 1))
    elseif first then
      call('HDEL', p .. 'blobs', hash)
      call('ZADD', p .. 'garbage', now, hash .. '-' .. first)
    end
  end
  call('DEL', key)
end

-- Garbage that is to be deleted, and what was. COLLECTOR LEAD_MS LIMIT
-- (MEMBER)... MEMBER: what an earlier answer named, and is deleted. Returns
-- JSON: role, now, garbage (members; the name of the blob is up to the blank).
-- Afterwards: nothing is forgotten that is not deleted. A worker that stood
-- still since it held a blob may write it when nobody holds it any more: so
-- each is named once more after an hour.
function blob.collect(p, args)
  local id, lead_ms, limit = lead_arguments(args)
  local key, now = p .. 'garbage', clock()
  for i = 4, #args do
    if call('ZREM', key, args[i]) == 1 and
        not string.find(args[i], ' ', 1, true) then
      call('ZADD', key, now + AGAIN_MS, args[i] .. ' again')
    end
  end
  local is_leader, wait = lead(p, 'collect', id, lead_ms)
  if not is_leader then
    return standby(now, wait)
  end
  local garbage = call('ZRANGEBYSCORE', key, '-inf', now, 'LIMIT', 0, limit)
  return json.object('role', '"leader"', 'now', json.number(now),
    'garbage', json.texts(garbage))
end

end
