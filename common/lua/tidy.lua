-- More mends: entries, letters, definitions, workers, totals; treadle_mend.

-- An entry that no step owns, or that is pending and gone.
function MENDS.entry(batch, now, queue, entry)
  local p = batch.p
  local key = p .. 'queue:' .. queue
  local of = entry_fields(p, queue, entry)
  if not of then
    finish_entry(batch, queue, entry)
    local pending = redis.pcall('XPENDING', key, GROUP, entry, entry, 1)
    return not pending.err and #pending > 0
  end
  if step.is_owned(p, queue, entry, of) then
    return false
  end
  finish_entry(batch, queue, entry)
  return true
end

-- A member of the delayed set that is not delayed.
function MENDS.delayed(batch, now, member)
  local p = batch.p
  local id = string.match(member, '^([^/]*)/')
  local name = string.match(member, '/(.*)$')
  local v = call('HMGET', p .. 'run:' .. (id or ''), 'state',
    'step:' .. (name or ''), 'deadline_at',
    'waits:' .. (name or ''))
  local state = record.read(v[2])
  if v[1] and run_state.read(v[1]) == 'running' and (name == '' and v[3] or
      state == 'delayed' or state == 'parked' and
      string.find(v[4] or '', '"until":')) then
    return false
  end
  return call('ZREM', p .. 'delayed', member) > 0
end

-- A dead letter that its run doesn't name.
function MENDS.letter(batch, now, entry)
  local p = batch.p
  local found = call('XRANGE', p .. 'dead', entry, entry)[1]
  local of = {}
  for i = 1, found and #found[2] or 0, 2 do
    of[found[2][i]] = found[2][i + 1]
  end
  if of.run and of.step and call('HGET', p .. 'run:' .. of.run,
      'dead:' .. of.step) == entry then
    return false
  end
  return call('XDEL', p .. 'dead', entry) > 0
end

-- A key of idempotency that no run has.
function MENDS.key(batch, now, key)
  local p = batch.p
  local known = call('HGET', p .. 'keys', key)
  local id = known and string.match(known, '^%S*')
  if not known or call('HGET', p .. 'run:' .. id, 'key') == key then
    return false
  end
  return call('HDEL', p .. 'keys', key) > 0
end

-- A queue that is not listed, or whose group is gone; a pause of no queue.
function MENDS.queue(batch, now, name)
  local p = batch.p
  local key = p .. 'queue:' .. name
  local changed = 0
  local type = call('TYPE', key).ok
  if type == 'stream' then
    changed = call('SADD', p .. 'queues', name)
    if not find_group(key) then
      call('XGROUP', 'CREATE', key, GROUP, '0')
      changed = changed + 1
    end
  elseif call('SISMEMBER', p .. 'queues', name) == 0 then
    changed = call('SREM', p .. 'paused', name)
  elseif type == 'none' then
    call('XGROUP', 'CREATE', key, GROUP, '0', 'MKSTREAM')
    changed = 1
  end
  return changed > 0
end

-- Whether a definition is named, and listed as unused; with `runs`, how many
-- use it, unless runs came or went since that was counted.
function MENDS.definition(batch, now, digest, runs, submitted, removed)
  local p = batch.p
  local key = p .. 'def:' .. digest
  local is_wrong = false
  if runs then
    local v = call('HMGET', p .. 'counters', 'submitted', 'removed')
    if (v[1] or '0') ~= submitted or (v[2] or '0') ~= removed or
        call('EXISTS', key) == 0 then
      return false
    end
    is_wrong = call('HGET', key, 'runs') ~= runs
    call('HSET', key, 'runs', runs)
  end
  local v = call('HMGET', key, 'name', 'applied_at')
  local is_named = v[1] and call('HGET', p .. 'named', v[1]) == digest
  if v[1] and is_named ~= (v[2] ~= false) then
    is_wrong = true
    if is_named then
      call('HSET', key, 'applied_at', text_of(now))
    else
      call('HDEL', key, 'applied_at')
    end
  end
  return run.list_definition(p, digest, now) or is_wrong
end

-- A run that is listed among the running children.
function MENDS.child(batch, now, id)
  local of = run.read(batch.p, id)
  return child.place(batch.p, id, of,
    of.state and run_state.read(of.state)) > 0
end

-- Whether a definition is listed as one that performs another.
function MENDS.caller(batch, now, digest, caller)
  local p = batch.p
  local graph = call('EXISTS', p .. 'def:' .. caller) == 1 and
    definition.get(p, caller)
  local performs = false
  for _, of in pairs(graph and graph.steps or {}) do
    performs = performs or of.definition == digest
  end
  local changed = call(performs and 'SADD' or 'SREM', p .. 'callers:' .. digest,
    caller)
  run.list_definition(p, digest, now)
  return changed > 0
end

-- Where the newest runs of a workflow are, and whether a run is there.
function MENDS.recent(batch, now, workflow, id)
  return recent.mend(batch.p, workflow, id or '')
end

-- The queues in which a worker holds entries, or nil for none.
local function holds(p, id)
  local names, queues = call('SMEMBERS', p .. 'queues'), nil
  table.sort(names)
  for _, queue in ipairs(names) do
    if held(p, queue, id) > 0 then
      queues = queues and queues .. ',' .. queue or queue
    end
  end
  return queues
end

-- The queues that are known of a worker and those in which it holds entries,
-- and whether some of these were not known.
local function all_queues(known, queues)
  local missing = false
  known = ',' .. (known or '') .. ','
  for queue in string.gmatch(queues or '', '[^,]+') do
    if not string.find(known, ',' .. queue .. ',', 1, true) then
      known, missing = known .. queue .. ',', true
    end
  end
  return string.match(known, '^,*(.-),$'), missing
end

-- Takes a worker that holds nothing out of all groups; how many it was in.
local function leave_groups(p, id)
  local left = 0
  for _, queue in ipairs(call('SMEMBERS', p .. 'queues')) do
    local key = p .. 'queue:' .. queue
    local consumers = redis.pcall('XINFO', 'CONSUMERS', key, GROUP)
    for _, about in ipairs(consumers.err and {} or consumers) do
      if about[2] == id then
        call('XGROUP', 'DELCONSUMER', key, GROUP, id)
        left = left + 1
      end
    end
  end
  return left
end

-- A worker of which only parts are known: forgotten or, if it holds entries,
-- declared lost, so that reclaim finds them.
function MENDS.worker(batch, now, id)
  local p = batch.p
  local key = p .. 'worker:' .. id
  local queues = holds(p, id)
  local of = call('HMGET', key, 'queues', 'lost')
  local lease = call('ZSCORE', p .. 'workers', id)
  local is_lost = call('ZSCORE', p .. 'lost', id)
  local known, missing = all_queues(of[1], queues)
  if lease and not is_lost and is_live(p, id) then
    -- It lives; what it holds elsewhere is looked for from now on.
    if missing then
      call('HSET', key, 'queues', known)
    end
    return missing
  elseif not queues then
    if is_lost and not lease and of[1] and of[2] then
      return false
    end
    return leave_groups(p, id) + worker.remove(p, id) > 0
  elseif is_lost and not lease and of[2] and not missing then
    return false
  end
  call('HSET', key, 'queues', queues, 'lost', text_of(now))
  call('ZREM', p .. 'workers', id)
  call('ZADD', p .. 'lost', text_of(now), id)
  return true
end

-- Runs submitted are those there are and those removed.
function MENDS.counters(batch)
  local p = batch.p
  local v = call('HMGET', p .. 'counters', 'submitted', 'removed')
  local runs = tonumber(v[2]) or 0
  for _, state in ipairs(STATES) do
    runs = runs + call('ZCARD', p .. 'runs:' .. state)
  end
  if runs == (tonumber(v[1]) or 0) then
    return false
  end
  call('HSET', p .. 'counters', 'submitted', text_of(runs))
  return true
end

-- Outputs, logs, lists or blobs of a run that is gone.
function MENDS.orphan(batch, now, key)
  local what, id = string.match(key, '^(%l+):(.*)$')
  if what == 'blobs' and call('EXISTS', batch.p .. 'run:' .. id) == 0 then
    local is_there = call('EXISTS', batch.p .. key) == 1
    run.release_blobs(batch.p, id, now)
    return is_there
  end
  if what == 'items' or what == 'results' then
    id = string.match(id, '^[^/]*')
  elseif what ~= 'out' and what ~= 'log' then
    id = nil
  end
  if not id or call('EXISTS', batch.p .. 'run:' .. id) == 1 then
    return false
  end
  return call('DEL', batch.p .. key) > 0
end

function MENDS.persist(batch, now, key)
  if string.match(key, '^lead:') or key == 'probe' or
      string.match(key, '^cache:') then
    return false
  end
  return call('PERSIST', batch.p .. key) > 0
end

function MENDS.lead(batch, now, key)
  if not string.match(key, '^lead:') or
      call('PTTL', batch.p .. key) ~= -1 then
    return false
  end
  return call('DEL', batch.p .. key) > 0
end

function MENDS.forget(batch, now, key)
  if not string.match(key, '^cache:') or
      call('PTTL', batch.p .. key) ~= -1 then
    return false
  end
  return call('DEL', batch.p .. key) > 0
end

-- Mends one thing, if it is still as the doctor found it. KIND ARGUMENT...
-- Returns JSON: kind, mended (false: there was nothing to mend, or it can't
-- be known how).
function mend.mend(p, args)
  local kind = args[1]
  local body = kind and MENDS[kind] or
    complain('USAGE', 'there is no mend %s', kind or '')
  local batch = batch_new(p)
  local is_mended = body(batch, clock(), unpack(args, 2))
  batch_end(batch)
  return json.object('kind', json.text(kind),
    'mended', json.boolean(is_mended and true or false))
end
