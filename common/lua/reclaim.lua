-- Lost workers. A worker whose lease has run out is lost, for good: what it
-- says later is refused. Each entry it holds is replaced by a new one.
--
-- A worker that vanished without its connection being closed (a frozen
-- process, a cut cable) may still be served by a read that blocks in Redis.
-- What it is given then nobody else would ever look at: so a lost worker is
-- kept, and looked at again, until such a read must have ended.

local reclaim = {}

local LINGER_MS = 15000 -- three times the BLOCK of a worker's read
local LOOK_MS = 1000    -- between two looks at lost workers
local LOST_MAX = 1000   -- lost workers that one call looks at

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

-- Looks at one lost worker, at `limit` of its entries; forgets it when its
-- time is over. Returns how many it looked at, and JSON if there is news.
local function reclaim_worker(p, id, limit, is_new, forget_at, now)
  local found = { recovered = 0, returned = 0, dead = 0 }
  local of = call('HMGET', p .. 'worker:' .. id, 'host', 'pid')
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
  if looked == 0 and now >= forget_at then
    worker.remove(p, id)
  end
  if not is_new and looked == 0 then
    return looked, nil
  end
  return looked, json.object('worker', json.text(id), 'host',
    json.text(of[1]), 'pid', json.number(of[2]),
    'recovered', json.number(found.recovered),
    'returned', json.number(found.returned), 'dead', json.number(found.dead))
end

-- Declares workers lost whose leases have run out, at most `limit`. Returns
-- them as a set.
local function declare_lost(p, now, limit)
  local late = call('ZRANGEBYSCORE', p .. 'workers', '-inf', now, 'LIMIT', 0,
    limit)
  local is_new = {}
  for _, id in ipairs(late) do
    call('HSET', p .. 'worker:' .. id, 'lost', now)
    call('ZREM', p .. 'workers', id)
    call('ZADD', p .. 'lost', now + LINGER_MS, id)
    is_new[id] = true
  end
  return is_new
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
-- COORDINATOR LEAD_MS LIMIT [UNTIL]. After UNTIL, in ms, nothing is done: the
-- caller looked at Redis too long ago to know that workers could renew their
-- leases. Returns JSON: role, now, workers (those of which there is news),
-- next_due (the end of a lease, or the next look), more.
-- Afterwards: no worker whose lease has run out holds anything, or `more`, or
-- UNTIL is over: next_due is now.
function reclaim.reclaim(p, args)
  local id, lead_ms, limit = lead_arguments(args)
  local last = to_number(optional(args, 4) or math.huge, 'UNTIL')
  local now = clock()
  local is_leader, wait = lead(p, 'reclaim', id, lead_ms)
  if not is_leader then
    return standby(now, wait)
  end
  if now > last then
    return json.object('role', '"leader"', 'now', json.number(now),
      'workers', '[]', 'next_due', json.number(now), 'more', 'false')
  end
  shorten_leases(p, now)
  local is_new = declare_lost(p, now, limit)
  local lost = call('ZRANGE', p .. 'lost', 0, LOST_MAX - 1, 'WITHSCORES')
  local told, left = {}, limit
  for i = 1, #lost, 2 do
    local looked, news = reclaim_worker(p, lost[i], left, is_new[lost[i]],
      tonumber(lost[i + 1]), now)
    told[#told + 1] = news
    left = left - looked
    if left <= 0 then
      break
    end
  end
  local next_end = call('ZRANGE', p .. 'workers', 0, 0, 'WITHSCORES')[2]
  local next_look = #lost > 0 and now + LOOK_MS or math.huge
  local next_due = math.min(tonumber(next_end or math.huge), next_look)
  return json.object('role', '"leader"', 'now', json.number(now),
    'workers', json.array(told),
    'next_due', next_due < math.huge and json.number(next_due),
    'more', json.boolean(left <= 0))
end

