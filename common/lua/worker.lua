-- A worker's life: it registers, beats, and leaves. One lease covers all that
-- it holds; when the lease has run out, treadle_reclaim declares it lost.

local worker = {}

local STOP_MS = 60000 -- how long an order to stop an attempt is repeated
local STOPS_MAX = 1000

local function is_live(p, id)
  local known = call('HMGET', p .. 'worker:' .. id, 'host', 'lost')
  return known[1] and not known[2]
end

-- When a coordinator last looked for lost workers, or 0.
local function last_look(p)
  return tonumber(call('GET', p .. 'looked')) or 0
end

-- A lease ends so long after `from`, but never earlier than it did: a clock
-- that had gone back, and returns, would find it ended. What is too long then
-- reclaim shortens.
local function renew_lease(p, id, lease, from)
  call('ZADD', p .. 'workers', 'GT', from + lease, id)
end

-- Makes a worker known, and its queues.
-- WORKER LEASE_MS HOST PID VERSION SLOTS QUEUE... Returns OK.
-- Afterwards: the group exists on each queue, from its very first entry.
function worker.register(p, args)
  if #args < 7 then
    complain('USAGE',
      'register takes WORKER LEASE_MS HOST PID VERSION SLOTS QUEUE...')
  end
  local id, lease = args[1], to_number(args[2], 'LEASE_MS')
  local now = clock()
  local queues = { unpack(args, 7) }
  for _, queue in ipairs(queues) do
    -- BUSYGROUP is what we want; what else may be wrong shows in the read.
    redis.pcall('XGROUP', 'CREATE', p .. 'queue:' .. queue, GROUP, '0',
      'MKSTREAM')
  end
  call_many('SADD', p .. 'queues', nil, queues)
  call('HSET', p .. 'worker:' .. id, 'host', args[3], 'pid', args[4],
    'version', args[5], 'slots', args[6], 'busy', 0, 'lease_ms', lease,
    'queues', table.concat(queues, ','), 'registered_at', now)
  -- It has none yet that could tell: the last look does.
  renew_lease(p, id, lease, math.max(now, last_look(p)))
  return status('OK')
end

-- Renews a worker's lease; tells it what was cancelled and what is paused.
-- WORKER LEASE_MS BUSY (COUNTER INCREMENT)... Returns [LIVE or LOST, now,
-- [entries to stop...], [paused queues...]]. LOST: it must drop all it holds
-- and register anew.
function worker.heartbeat(p, args)
  local id, lease = args[1], to_number(args[2], 'LEASE_MS')
  local busy = to_number(args[3], 'BUSY')
  for i = 5, #args, 2 do
    to_number(args[i], 'INCREMENT')
  end
  local now = clock()
  if not is_live(p, id) then
    return { status('LOST'), now, {}, {} }
  end
  renew_lease(p, id, lease, now)
  call('HSET', p .. 'worker:' .. id, 'busy', busy, 'lease_ms', lease)
  for i = 4, #args - 1, 2 do
    call('HINCRBY', p .. 'counters', args[i], args[i + 1])
  end
  -- Orders are repeated for a while, not taken off: a reply may be lost.
  local key = p .. 'stop:' .. id
  local stops = call('ZRANGEBYSCORE', key, now - STOP_MS, '+inf', 'LIMIT', 0,
    STOPS_MAX)
  if #stops == 0 then
    call('DEL', key)
  end
  return { status('LIVE'), now, stops,
    call('SMEMBERS', p .. 'paused') }
end

-- How many entries a worker holds in a queue.
local function held(p, queue, id)
  local key = p .. 'queue:' .. queue
  local pending = redis.pcall('XPENDING', key, GROUP, '-', '+', 1, id)
  return pending.err and 0 or #pending
end

local function each_queue(p, id)
  local queues = call('HGET', p .. 'worker:' .. id, 'queues')
  return string.gmatch(queues or '', '[^,]+')
end

-- Forgets a worker that holds nothing: deleting a consumer that has pending
-- entries would lose them for ever. Returns how many keys knew it.
function worker.remove(p, id)
  for queue in each_queue(p, id) do
    if held(p, queue, id) == 0 then
      redis.pcall('XGROUP', 'DELCONSUMER', p .. 'queue:' .. queue, GROUP, id)
    end
  end
  return call('ZREM', p .. 'workers', id) + call('ZREM', p .. 'lost', id) +
    call('DEL', p .. 'worker:' .. id, p .. 'stop:' .. id)
end

-- Consumers that no worker answers for: one that was forgotten while it stood
-- still has read once more, and then it died or took another name. Who holds
-- something becomes a lost worker, or it would be his for ever.
function worker.adopt_strays(p, now)
  local strays, queues = {}, call('SMEMBERS', p .. 'queues')
  table.sort(queues)
  for _, queue in ipairs(queues) do
    local key = p .. 'queue:' .. queue
    local found = redis.pcall('XINFO', 'CONSUMERS', key, GROUP)
    for _, about in ipairs(found.err and {} or found) do
      local id, pending = about[2], about[4]
      if call('EXISTS', p .. 'worker:' .. id) == 1 then
        -- a worker like any other
      elseif pending > 0 then
        strays[id] = strays[id] and strays[id] .. ',' .. queue or queue
      else
        call('XGROUP', 'DELCONSUMER', key, GROUP, id)
      end
    end
  end
  for id, names in pairs(strays) do
    call('HSET', p .. 'worker:' .. id, 'host', 'unknown', 'pid', 0, 'queues',
      names, 'lost', now)
    call('ZADD', p .. 'lost', now, id)
  end
end

-- Removes a worker that holds nothing. WORKER. Returns OK.
function worker.leave(p, args)
  local id = args[1] or complain('USAGE', 'leave takes WORKER')
  for queue in each_queue(p, id) do
    if held(p, queue, id) > 0 then
      complain('CONFLICT', 'worker %s still holds entries of queue %s', id,
        queue)
    end
  end
  worker.remove(p, id)
  return status('OK')
end

-- A definition's canonical form, or nil. DIGEST.
function worker.definition(p, args)
  return call('HGET', p .. 'def:' .. (args[1] or ''), 'canonical')
end

