-- Lost workers. A worker whose lease has run out is marked lost, for good:
-- what it says later is refused. Each entry it holds is replaced by a new
-- one; when nothing is left it is forgotten.

local reclaim = {}

-- Puts back what a lost worker holds in one queue, at most `limit` entries;
-- returns how many it looked at.
local function reclaim_queue(batch, queue, id, limit, found, now)
  local key = batch.p .. 'queue:' .. queue
  local pending = redis.pcall('XPENDING', key, GROUP, '-', '+', limit, id)
  if pending.err then
    return 0
  end
  for _, item in ipairs(pending) do
    local entry = call('XRANGE', key, item[1], item[1])[1]
    if not entry then
      finish_entry(batch, queue, item[1])
    else
      local of = {}
      for i = 1, #entry[2], 2 do
        of[entry[2][i]] = entry[2][i + 1]
      end
      local what = step.put_back(batch, queue, item[1], of.run, of.step, true,
        now)
      if what then
        found[what] = found[what] + 1
      end
    end
  end
  return #pending
end

local function reclaim_worker(p, id, limit, now)
  local key = p .. 'worker:' .. id
  local found = { recovered = 0, returned = 0, dead = 0 }
  call('HSETNX', key, 'lost', now)
  local of = call('HMGET', key, 'host', 'pid')
  local looked = 0
  local batch = batch_new(p)
  for queue in each_queue(p, id) do
    looked = looked + reclaim_queue(batch, queue, id, limit - looked, found,
      now)
    if looked >= limit then
      break
    end
  end
  batch_end(batch)
  local is_gone = looked < limit
  if is_gone then
    worker.remove(p, id)
  end
  return looked, json.object('worker', json.text(id), 'host',
    json.text(of[1]), 'pid', json.number(of[2]),
    'recovered', json.number(found.recovered),
    'returned', json.number(found.returned), 'dead', json.number(found.dead),
    'gone', json.boolean(is_gone))
end

-- A lease that ends further ahead than any lease lasts was set before the
-- clock went back: it is shortened, or its worker would never be missed.
local function shorten_leases(p, now)
  local far = call('ZRANGEBYSCORE', p .. 'workers', now + 7200000, '+inf',
    'LIMIT', 0, 100)
  for _, id in ipairs(far) do
    local lease = tonumber(call('HGET', p .. 'worker:' .. id, 'lease_ms'))
    call('ZADD', p .. 'workers', now + (lease or 0), id)
  end
end

-- Queues anew what lost workers held.
-- COORDINATOR LEAD_MS LIMIT. Returns JSON: role, now, workers, next_due (when
-- the next lease ends), more.
-- Afterwards: no worker whose lease has run out holds anything, or `more`.
function reclaim.reclaim(p, args)
  local id, lead_ms, limit = lead_arguments(args)
  local now = clock()
  local is_leader, wait = lead(p, 'reclaim', id, lead_ms)
  if not is_leader then
    return standby(now, wait)
  end
  shorten_leases(p, now)
  local lost = call('ZRANGEBYSCORE', p .. 'workers', '-inf', now, 'LIMIT', 0,
    limit)
  local told, left = {}, limit
  for _, worker_id in ipairs(lost) do
    local looked, what = reclaim_worker(p, worker_id, left, now)
    told[#told + 1] = what
    left = left - looked
    if left <= 0 then
      break
    end
  end
  local following = call('ZRANGE', p .. 'workers', 0, 0, 'WITHSCORES')
  return json.object('role', '"leader"', 'now', json.number(now),
    'workers', json.array(told), 'next_due', json.number(following[2]),
    'more', json.boolean(left <= 0 or #lost == limit))
end

