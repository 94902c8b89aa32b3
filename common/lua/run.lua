-- A run as a whole: its end, its removal, and what waits for a time.

local run = {}

-- Puts member (`<run>/<step>`, or `<run>/` for a deadline) on the delayed
-- set. If nothing is due earlier, the bell rings: coordinators block on it.
function run.schedule(p, member, due)
  call('ZADD', p .. 'delayed', due, member)
  if call('ZRANGE', p .. 'delayed', 0, 0)[1] == member then
    call('XADD', p .. 'timer', 'MAXLEN', 1, '*', 'due', due)
  end
end

-- A small input stands in the run's hash, which stays compact: most runs have
-- one, and it spares them a key while they wait.
run.INPUT_SMALL = 64

-- The input of a run, or false; key is that of its hash.
function run.input(p, id, key)
  return call('HGET', key, 'input') or
    call('HGET', p .. 'out:' .. id, '.input')
end

-- Queues a step, in the queue of that key; returns the new entry.
function run.enqueue(queue, id, name)
  return call('XADD', queue, '*', 'run', id, 'step', name)
end

-- The step becomes ready under a new entry; whoever holds the old one is
-- fenced from then on.
function run.requeue(p, id, name, queue, attempt, recoveries)
  local entry = run.enqueue(p .. 'queue:' .. queue, id, name)
  local has_more =
    call('HEXISTS', p .. 'out:' .. id, '.memo:' .. name) == 1 or
    call('HEXISTS', p .. 'run:' .. id, 'again:' .. name) == 1
  call('HSET', p .. 'run:' .. id, 'step:' .. name,
    record.ready(attempt, recoveries, entry, has_more))
  return entry
end

-- All fields of a run as a table, empty if there is none, and as a list.
function run.read(p, id)
  local fields = call('HGETALL', p .. 'run:' .. id)
  local of = {}
  for i = 1, #fields, 2 do
    of[fields[i]] = fields[i + 1]
  end
  return of, fields
end

-- Whether a step is under way: nothing but its own end, or a stop, ends it.
function run.is_at_work(of, text)
  return string.sub(text or '', 1, 8) == 'running ' or
    child.is_waiting(of, text)
end

-- Takes one live step out of wherever it is. Running ones are left alone
-- unless stop_running: what they do is paid for, and kept for a retry.
-- Returns whether it was running and now is told to stop.
function run.halt_step(batch, id, name, text, graph, now, stop_running)
  local p = batch.p
  local state, _, _, entry, worker, started = record.read(text)
  local ended = 'cancelled' .. string.sub(text, #state + 1)
  local has_child = child.is_waiting(graph.steps[name], text)
  if state == 'ready' then
    finish_entry(batch, graph.steps[name].queue, entry)
  elseif has_child and stop_running then
    child.revoke(p, id, name, now)
    call('HDEL', p .. 'run:' .. id, 'waits:' .. name)
  elseif has_child then
    return false
  elseif state == 'delayed' or state == 'parked' then
    call('ZREM', p .. 'delayed', id .. '/' .. name)
    call('HDEL', p .. 'run:' .. id, 'waits:' .. name)
  elseif state == 'running' and stop_running then
    finish_entry(batch, graph.steps[name].queue, entry)
    if call('EXISTS', p .. 'worker:' .. worker) == 1 then -- or it is for ever
      call('ZADD', p .. 'stop:' .. worker, now, entry)
    end
    ended = record.ended('cancelled', text, started, now)
  elseif state ~= 'spread' then
    return false
  end
  call('HSET', p .. 'run:' .. id, 'step:' .. name, ended)
  return state == 'running' or has_child
end

local function halt_steps(batch, id, fields, graph, now, stop_running)
  local stopped = 0
  for i = 1, #fields, 2 do
    local name = string.match(fields[i], '^step:(.+)$')
    if name and graph.steps[name] and
        run.halt_step(batch, id, name, fields[i + 1], graph, now,
          stop_running) then
      stopped = stopped + 1
    end
  end
  return stopped
end

-- Steps and items that run, and steps whose children do. of: the run.
function run.count_running(of, graph)
  local running = 0
  for field, text in pairs(of) do
    local name = string.match(field, '^step:(.+)$')
    if name and graph.steps[name] and
        run.is_at_work(graph.steps[name], text) then
      running = running + 1
    end
  end
  return running
end

-- Whether a step keeps its run from being done. What undoes another does not.
function run.is_left(step_of, text)
  return step_of.when ~= 'undo' and not record.is_settled(text)
end

-- Ends a run that is running as `state` (failed or cancelled), at once or, if
-- something is to be undone or to be cleaned up, when that has happened.
-- Returns how many running attempts were told to stop.
-- Afterwards: no step of it is ready, delayed or parked, nor running if
-- stop_running, but for what undoes and closes.
function run.stop(batch, id, graph, state, reason, now, stop_running)
  local p = batch.p
  local of, fields = run.read(p, id)
  local stopped = halt_steps(batch, id, fields, graph, now, stop_running)
  local _, left, is_again, phase = run_state.read(of.state)
  if not phase and (graph.closing or graph.undo and graph.undo[state]) then
    run.close(batch, id, graph, state, reason,
      run.count_running(of, graph) - stopped, is_again, now)
    return stopped
  end
  call('HSET', p .. 'run:' .. id, 'reason', reason)
  if phase then
    run.close_finally(batch, id, graph, state, is_again, now)
    return stopped
  end
  call('HSET', p .. 'run:' .. id, 'state',
    run_state.write(state, left, is_again), 'finished_at', now)
  finish_run(batch, id, state, now)
  return stopped
end

local DETAIL_MAX = 300

-- JSON of why a run ended so; detail is cut to keep the hash small, and where
-- no character is cut in two.
function run.reason(class, name, detail)
  detail = detail or ''
  if #detail > DETAIL_MAX then
    detail = string.gsub(string.sub(detail, 1, DETAIL_MAX),
      '[\192-\255][\128-\191]*$', '')
  end
  return json.object('class', json.text(class), 'step', json.text(name),
    'detail', json.text(detail))
end

-- Whether a definition is used: by runs, by the name that it has, by others
-- that perform it.
function run.is_definition_used(p, digest)
  local v = call('HMGET', p .. 'def:' .. digest, 'runs', 'applied_at')
  return v[1] and tonumber(v[1]) > 0 or v[2] ~= false or
    call('EXISTS', p .. 'callers:' .. digest) == 1
end

-- Lists a definition as unused, or not any more: by that sweep goes, a day
-- later.
function run.list_definition(p, digest, now)
  if run.is_definition_used(p, digest) or
      call('EXISTS', p .. 'def:' .. digest) == 0 then
    return call('ZREM', p .. 'definitions', digest) > 0
  end
  return call('ZADD', p .. 'definitions', 'NX', text_of(now), digest) > 0
end

-- More or fewer runs use a definition.
function run.use_definition(p, digest, increment, now)
  local users = call('HINCRBY', p .. 'def:' .. digest, 'runs', increment)
  if users <= 0 then
    run.list_definition(p, digest, tonumber(now))
  elseif users == increment then
    call('ZREM', p .. 'definitions', digest)
  end
end

-- Removes all that is of a run which is not running any more.
-- Afterwards: no key, index or dead letter names it.
function run.remove(batch, id, now)
  local p = batch.p
  local of, fields = run.read(p, id)
  for name, value in pairs(of) do
    if string.sub(name, 1, 5) == 'dead:' then
      call('XDEL', p .. 'dead', value)
    end
  end
  local graph = of.def and definition.get(p, of.def)
  if graph then
    halt_steps(batch, id, fields, graph, now, true)
  end
  for _, name in ipairs(graph and graph.spreading or {}) do
    call('UNLINK', p .. 'items:' .. id .. '/' .. name,
      p .. 'results:' .. id .. '/' .. name)
  end
  if of.blobs then
    run.release_blobs(p, id, now)
  end
  child.orphan_all(p, of)
  call('DEL', p .. 'run:' .. id, p .. 'out:' .. id, p .. 'log:' .. id)
  call('ZREM', p .. 'finished', id)
  if of.key then
    call('HDEL', p .. 'keys', of.key)
  end
  if of.state then
    leave_index(batch, (run_state.read(of.state)), id)
  end
  if of.def then
    run.use_definition(p, of.def, -1, now)
  end
  count(batch, 'removed')
end

-- What is left of an attempt that did not succeed, for `logs`, `status` and
-- the dead letters. suffix tells apart the tries of one attempt number.
function run.note_failure(p, id, name, suffix, failure)
  call('HSET', p .. 'log:' .. id, name .. '/' .. suffix, json.object(
    'attempt', json.number(failure.attempt),
    'class', json.text(failure.class),
    'code', json.number(failure.code),
    'detail', json.text(failure.detail),
    'worker', json.text(failure.worker),
    'at', json.number(failure.at),
    'duration_ms', json.number(failure.took)))
end

local HISTORY_MAX = 20

-- Orders `<step>/<attempt>` behind the tries `<step>/<attempt>~<n>` of it.
local function failure_order(field)
  local attempt, try = string.match(field, '/(%d+)~?(%d*)$')
  return tonumber(attempt) * 1000 + (tonumber(try) or 999)
end

-- The failures of one step as a JSON array, the newest of them.
function run.history(p, id, name)
  local found = {}
  local key = p .. 'log:' .. id
  local prefix = name .. '/'
  for _, field in ipairs(call('HKEYS', key)) do
    if string.sub(field, 1, #prefix) == prefix and
        string.sub(field, -4) ~= '/log' then
      found[#found + 1] = field
    end
  end
  table.sort(found, function(a, b)
    return failure_order(a) < failure_order(b)
  end)
  local out = {}
  for i = math.max(1, #found - HISTORY_MAX + 1), #found do
    out[#out + 1] = call('HGET', key, found[i])
  end
  return json.array(out)
end

-- A running step that is not tried again: its dead letter, and the end of
-- its run if that still runs. `at` is what read_held() gives; failure holds
-- class, code, detail.
function run.bury(batch, at, failure, now)
  local p = batch.p
  local key = p .. 'run:' .. at.id
  local letter = call('XADD', p .. 'dead', '*', 'run', at.id, 'step', at.name,
    'workflow', at.graph.name, 'queue', at.graph.steps[at.name].queue,
    'class', failure.class, 'code', failure.code, 'detail', failure.detail,
    'attempts', at.attempt, 'recoveries', at.recoveries, 'at', now,
    'history', run.history(p, at.id, at.name))
  call('HSET', key,
    'step:' .. at.name, record.ended('dead', at.text, at.started, now),
    'dead:' .. at.name, letter)
  count(batch, 'dead')
  if at.phase then
    local base = at.graph.steps[at.name].base
    run.close_step(batch, at.id, at.graph,
      base and at.phase == 'cleaning' and base or at.name, at.run_text, now)
  elseif at.is_run_running then
    run.stop(batch, at.id, at.graph, 'failed',
      run.reason(failure.class, at.name, failure.detail), now, false)
  end
end

