-- Lost workers. A worker whose lease has run out is lost, for good: what it
-- says later is refused. Each entry it holds is replaced by a new one.
--
-- A worker that vanished without its connection being closed (a frozen
-- process, a cut cable) may still be served by a read that blocks in Redis.
-- What it is given then nobody else would ever look at: so a lost worker is
-- kept, and looked at again, until such a read must have ended.
--
-- Leases end by Redis' clock. While Redis was away, or when its clock jumps,
-- they end although their workers are well. Redis can't see either; but it
-- keeps when a coordinator last looked here, and each look brings since when
-- its coordinator has watched the clock against a monotonic one of its own.
-- In the time between these two nobody has watched: it may not have passed,
-- or without Redis. Where that was longer than the time between two beats
-- of a worker, its lease begins anew. So it does not matter who looks, how
-- often coordinators are replaced, or why nobody has looked.
--
-- What happens between two looks need not be seen: a beat never makes a lease
-- end earlier (worker.heartbeat), so a clock that goes back and returns takes
-- none away; one that goes ahead and returns leaves leases that are too long,
-- and are shortened here.

local reclaim = {}

do -- what has a name below is of this file alone

local LINGER_MS = 15000   -- three times the BLOCK of a worker's read
local LOOK_MS = 1000      -- between two looks at lost workers
local LOST_MAX = 1000     -- lost workers that one call looks at
local FAR_MAX = 100       -- leases that one call compares with their length
local BEATS = 3           -- in a lease, of its worker, at least
local LEASE_MIN_MS = 1000 -- options.def
local RECONNECT_MS = 2000 -- redis.h: 1 s between two tries, and a beat

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
      -- Somebody deleted it, and with it what it stood for: only a walk over
      -- all runs finds the step. treadle doctor does, and mends it.
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

local function lease_of(p, id)
  return tonumber(call('HGET', p .. 'worker:' .. id, 'lease_ms')) or 0
end

-- A lease that ends further ahead than it lasts was given before the clock
-- went back: it is shortened, or its worker would be missed only when the
-- clock has caught up. Those that end last are looked at.
local function shorten_leases(p, now)
  local far = call('ZRANGE', p .. 'workers', '+inf', '(' .. text_of(now),
    'BYSCORE', 'REV', 'LIMIT', 0, FAR_MAX, 'WITHSCORES')
  for i = 1, #far, 2 do
    local lease = lease_of(p, far[i])
    if tonumber(far[i + 1]) > now + lease + RECONNECT_MS then
      call('ZADD', p .. 'workers', text_of(now + lease), far[i])
    end
  end
end

-- How much of the time since the last look nobody has watched: Redis may
-- have been away for so long, or its clock have jumped so far.
local function unwatched(p, now, since, read)
  return math.max(0, since - last_look(p)) + now - read
end

-- Workers had no chance to renew their leases, or these ended before their
-- time: each for whom that was longer than between two beats gets a new one.
-- Returns how many.
local function spare(p, now, unwatched_ms)
  if unwatched_ms * BEATS <= LEASE_MIN_MS then
    return 0
  end
  local all = call('ZRANGE', p .. 'workers', 0, -1, 'WITHSCORES')
  local spared = 0
  for i = 1, #all, 2 do
    local lease = lease_of(p, all[i])
    local ends = now + lease + RECONNECT_MS
    if unwatched_ms * BEATS > lease and tonumber(all[i + 1]) < ends then
      call('ZADD', p .. 'workers', text_of(ends), all[i])
      spared = spared + 1
    end
  end
  return spared
end

-- Looks at all lost workers, at `limit` entries together. Returns what is to
-- be told of them, when to look again, and whether there is more.
local function reclaim_all(p, now, limit, is_new)
  local lost = call('ZRANGE', p .. 'lost', 0, LOST_MAX - 1, 'WITHSCORES')
  local told, left = {}, limit
  for i = 1, #lost, 2 do
    local forget_at = tonumber(lost[i + 1])
    if forget_at > now + LINGER_MS then -- the clock has gone back since
      forget_at = now + LINGER_MS
      call('ZADD', p .. 'lost', text_of(forget_at), lost[i])
    end
    local looked, news = reclaim_worker(p, lost[i], left, is_new[lost[i]],
      forget_at, now)
    told[#told + 1] = news
    left = left - looked
    if left <= 0 then
      break
    end
  end
  return told, #lost > 0 and now + LOOK_MS or math.huge, left <= 0
end

-- Queues anew what lost workers held.
-- COORDINATOR LEAD_MS LIMIT [SINCE READ]. The caller read Redis' clock at
-- READ, and has watched it since SINCE, without a jump or a silence; without
-- both the clock is taken at its word. A LEAD_MS of 1 lets go of the lead,
-- and nothing else. Returns JSON: role, now, workers (those of which there is
-- news), spared (how many got a new lease), next_due (the end of a lease, or
-- the next look), more.
-- Afterwards: no worker whose lease has run out holds anything, or `more`, or
-- the clock has gone back since READ: next_due is now.
function reclaim.reclaim(p, args)
  local id, lead_ms, limit = lead_arguments(args)
  local now = clock()
  local since = to_number(optional(args, 4) or '0', 'SINCE')
  local read = to_number(optional(args, 5) or text_of(now), 'READ')
  local is_leader, wait = lead(p, 'reclaim', id, lead_ms)
  if not is_leader then
    return standby(now, wait)
  end
  if now < read or lead_ms == 1 then
    return json.object('role', '"leader"', 'now', json.number(now),
      'workers', '[]', 'spared', '0', 'next_due', json.number(now),
      'more', 'false')
  end
  local spared = spare(p, now, unwatched(p, now, since, read))
  shorten_leases(p, now)
  call('SET', p .. 'looked', text_of(now))
  local told, next_look, more = reclaim_all(p, now, limit,
    declare_lost(p, now, limit))
  local next_end = call('ZRANGE', p .. 'workers', 0, 0, 'WITHSCORES')[2]
  local next_due = math.min(tonumber(next_end or math.huge), next_look)
  return json.object('role', '"leader"', 'now', json.number(now),
    'workers', json.array(told), 'spared', json.number(spared),
    'next_due', next_due < math.huge and json.number(next_due),
    'more', json.boolean(more))
end

end

