-- Coordinators: what is due, and what has had its time.
--
-- Any number of coordinators may call these. One of them leads each role, by
-- a short lease, so that work isn't done twice; doing it twice would be
-- harmless, for each call checks the state of what it moves.

local timer = {}

local LIMIT_MAX = 1000
local LEADS_MAX = 4

-- Takes or renews the lead of a role. Returns true, or false and the ms
-- after which it may be free. One that would last for several leads was taken
-- before the clock went back: its holder may be dead, and is not waited for.
local function lead(p, role, id, lead_ms)
  local key = p .. 'lead:' .. role
  local holder = call('GET', key)
  local wait = holder and holder ~= id and call('PTTL', key)
  if wait and wait <= LEADS_MAX * lead_ms then
    return false, math.max(1, wait)
  end
  call('SET', key, id, 'PX', lead_ms)
  return true
end

-- Checks the arguments that the roles share: COORDINATOR LEAD_MS LIMIT.
local function lead_arguments(args)
  if #args < 3 or args[1] == '' then
    complain('USAGE', 'the arguments begin with COORDINATOR LEAD_MS LIMIT')
  end
  local lead_ms = to_number(args[2], 'LEAD_MS')
  local limit = to_number(args[3], 'LIMIT')
  return args[1], math.max(1, lead_ms), math.min(math.max(1, limit), LIMIT_MAX)
end

local function standby(now, wait)
  return json.object('role', '"standby"', 'now', json.number(now),
    'next_due', json.number(now + wait), 'more', 'false')
end

local LATE_BUCKETS = { 1, 5, 20, 100, 500, 1000, 5000, 20000, 60000, 300000 }

local function bucket(ms)
  for _, bound in ipairs(LATE_BUCKETS) do
    if ms <= bound then
      return bound
    end
  end
  return 'inf'
end

-- One due member of the delayed set. Returns what has become of it: promoted,
-- overdue, expired, or nil.
local function come_due(batch, member, now)
  local p = batch.p
  local id = string.sub(member, 1, RUN_ID_LENGTH)
  local name = string.sub(member, RUN_ID_LENGTH + 2)
  local v = call('HMGET', p .. 'run:' .. id, 'state', 'def', 'step:' .. name,
    'revoked', 'deadline_at')
  local graph = v[1] and run_state.read(v[1]) == 'running' and
    definition.get(p, v[2])
  if not graph then
    return nil
  end
  if name == '' and not v[5] then -- over since the run is being closed
    return nil
  elseif name == '' and v[4] then
    run.stop(batch, id, graph, 'cancelled', run.reason('cancelled', nil,
      'with ' .. v[4] .. ', which performed it'), now, true)
    return nil
  elseif name == '' then
    run.stop(batch, id, graph, 'failed', run.reason('deadline', nil,
      'the run exceeded its deadline'), now, true)
    count(batch, 'failures:deadline')
    return 'overdue'
  end
  local state, attempt, recoveries = record.read(v[3])
  if state == 'parked' then
    step.expire(batch, id, graph, name, v[3], v[1], now)
    return 'expired'
  elseif state ~= 'delayed' then
    return nil
  end
  run.requeue(p, id, name, graph.steps[name].queue, attempt, recoveries)
  return 'promoted'
end

-- Queues the steps that are due and ends overdue runs.
-- COORDINATOR LEAD_MS LIMIT. Returns JSON: role, now, promoted, overdue,
-- expired, next_due, more.
-- Afterwards: nothing due is delayed, or `more` is true.
function timer.promote(p, args)
  local id, lead_ms, limit = lead_arguments(args)
  local now = clock()
  local is_leader, wait = lead(p, 'promote', id, lead_ms)
  if not is_leader then
    return standby(now, wait)
  end
  local key = p .. 'delayed'
  local due = call('ZRANGEBYSCORE', key, '-inf', now, 'WITHSCORES', 'LIMIT', 0,
    limit)
  local batch = batch_new(p)
  local found = { promoted = 0, overdue = 0, expired = 0 }
  for i = 1, #due, 2 do
    call('ZREM', key, due[i])
    local what = come_due(batch, due[i], now)
    if what then
      found[what] = found[what] + 1
      local late = now - tonumber(due[i + 1])
      count(batch, 'late:' .. bucket(late))
      count(batch, 'late_ms', late)
    end
  end
  if found.promoted > 0 then
    count(batch, 'promoted', found.promoted)
  end
  batch_end(batch)
  local following = call('ZRANGE', key, 0, 0, 'WITHSCORES')
  return json.object('role', '"leader"', 'now', json.number(now),
    'promoted', json.number(found.promoted),
    'overdue', json.number(found.overdue),
    'expired', json.number(found.expired),
    'next_due', json.number(following[2]),
    'more', json.boolean(#due == limit * 2))
end

-- Runs whose time of keeping is over, the oldest first; at most `limit`.
local function expired(p, now, retention, runs_max, limit)
  local key = p .. 'finished'
  local ids = call('ZRANGEBYSCORE', key, '-inf', now - retention, 'LIMIT', 0,
    limit)
  local excess = math.min(call('ZCARD', key) - runs_max, limit)
  if excess > #ids then
    ids = call('ZRANGE', key, 0, excess - 1)
  end
  return ids
end

local DEFINITION_IDLE_MS = 86400000

local function sweep_definitions(p, now, limit)
  local idle = call('ZRANGEBYSCORE', p .. 'definitions', '-inf',
    now - DEFINITION_IDLE_MS, 'LIMIT', 0, limit)
  local removed = 0
  for _, digest in ipairs(idle) do
    call('ZREM', p .. 'definitions', digest)
    local graph = not run.is_definition_used(p, digest) and
      definition.get(p, digest)
    if graph then
      call('DEL', p .. 'def:' .. digest)
      recent.count_definition(p, graph.name, -1)
      submit.release_performed(p, digest, graph, now)
      removed = removed + 1
    end
  end
  return removed
end

-- Removes finished runs after their time, and definitions that nobody uses;
-- has lost workers found that nobody knew of.
-- COORDINATOR LEAD_MS LIMIT RETENTION_MS RETENTION_RUNS. Returns JSON: role,
-- now, removed, definitions, more.
function timer.sweep(p, args)
  local id, lead_ms, limit = lead_arguments(args)
  local retention = to_number(args[4], 'RETENTION_MS')
  local runs_max = to_number(args[5], 'RETENTION_RUNS')
  local now = clock()
  local is_leader, wait = lead(p, 'sweep', id, lead_ms)
  if not is_leader then
    return standby(now, wait)
  end
  local batch = batch_new(p)
  local ids = expired(p, now, retention, runs_max, limit)
  for _, run_id in ipairs(ids) do
    run.remove(batch, run_id, now)
  end
  batch_end(batch)
  local definitions = sweep_definitions(p, now, limit)
  worker.adopt_strays(p, now)
  return json.object('role', '"leader"', 'now', json.number(now),
    'removed', json.number(#ids), 'definitions', json.number(definitions),
    'more', json.boolean(#ids == limit))
end

-- Writes a little: it fails when Redis takes no writes or has no memory left.
-- Returns JSON: now.
function timer.probe(p)
  local now = clock()
  call('SET', p .. 'probe', now, 'PX', 60000)
  return json.object('now', json.number(now))
end

