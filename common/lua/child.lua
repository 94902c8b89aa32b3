-- Children: runs that a step of another run waits for.
--
-- A step that performs a workflow (`definition` in the graph) creates a run of
-- it and is parked: it is in no queue, no worker holds it, and its run goes on
-- beside it. The child's end un-parks it, in the same call: its output is the
-- step's; or, where it has failed, the step is ready once more, with a memo
-- that says why. A worker reads that and fails the attempt by the step's policy.
--
-- The run names the child in `child:<step>`, for as long as it is kept, and is
-- named by it in `parent`. A step that is tried again has its child tried
-- again: what that had finished is kept. And a child is kept as long as the run
-- that names it; then it goes like any other (`finished`). An item of a list
-- that has ended names none: it leaves its result alone.
--
-- `children` holds the running ones, and whose they are.

do -- what has a name below is of this file alone

local function run_key(p, id)
  return p .. 'run:' .. id
end

local function split(parent)
  return string.match(parent, '^([^/]+)/(.+)$')
end

-- Whether another run names this one, so that it is kept; of: its fields.
function child.is_kept(p, id, of)
  local parent, name = split(of.parent or '')
  return parent ~= nil and
    call('HGET', run_key(p, parent), 'child:' .. name) == id
end

-- Whether a step with that record waits for a run, or will.
function child.is_waiting(of, text)
  return of.definition ~= nil and string.sub(text or '', 1, 7) == 'parked '
end

-- Nobody needs this run any more: it goes when its time has come.
local function release(p, id)
  local v = call('HMGET', run_key(p, id), 'state', 'finished_at')
  if v[1] and v[2] then
    call('ZADD', p .. 'finished', v[2], id)
  end
end

-- The step's next try begins anew, without what the one before has left.
function child.let_go(p, run_id, name)
  local id = call('HGET', run_key(p, run_id), 'child:' .. name)
  if id then
    call('HDEL', run_key(p, run_id), 'child:' .. name)
    release(p, id)
  end
end

-- The run is removed: those that it names are nobody's. of: its fields.
function child.orphan_all(p, of)
  for field, id in pairs(of) do
    if string.sub(field, 1, 6) == 'child:' then
      release(p, id)
    end
  end
end

-- The record while it waits, by that while it ran, and back.
local function parked(text)
  return 'parked' .. string.sub(text, 8)
end

local function unparked(text)
  return 'running' .. string.sub(text, 7)
end

-- --- the end of a child ------------------------------------------------------

-- What the classes of a run's end are to the step that waits for it.
local CLASSES = { deadline = 'timeout', cancelled = 'rejected' }

local function failure_of(id, state, reason)
  local is_known, why = pcall(cjson.decode, reason or '')
  if not is_known then
    why = {}
  end
  return {
    class = CLASSES[why.class] or why.class or 'error',
    detail = string.format('run %s %s%s%s%s', id,
      state == 'cancelled' and 'was cancelled' or 'failed',
      why.step and ' at step ' .. why.step or '',
      why.detail and ': ' or '', why.detail or ''),
  }
end

-- The step has what it waited for. at: as read_held() gives it.
local function succeed(batch, at, id, now)
  local p, key = batch.p, run_key(batch.p, at.id)
  local s = settling_new(batch, now, text_of(now))
  local output = call('HGET', p .. 'out:' .. id, 'output') or '\192' -- nil
  blob.share(p, at.id, output)
  count(batch, 'steps_done')
  if at.graph.steps[at.name].base then
    each.end_item(s, at, output, 'done')
    return each.settle(s)
  end
  call('HSET', p .. 'out:' .. at.id, at.name, output)
  call('HDEL', p .. 'out:' .. at.id, '.memo:' .. at.name)
  settle_step(s, at.id, key, at.graph, at.name,
    record.ended('done', at.text, at.started, now), at.run_text)
end

local function fail(batch, at, id, state, reason, now)
  local p = batch.p
  if not at.is_run_running then
    return step.end_with_run(batch, at, now)
  end
  local memo = failure_of(id, state, reason)
  memo.child, memo.attempt = id, at.attempt
  call('HSET', p .. 'out:' .. at.id, '.memo:' .. at.name, cmsgpack.pack(memo))
  run.requeue(p, at.id, at.name, at.graph.steps[at.name].queue, at.attempt - 1,
    at.recoveries)
end

-- A run that is over un-parks the step that waits for it. Returns whether its
-- parent names it still.
function child.ended(batch, id, parent, now)
  local p = batch.p
  local run_id, name = split(parent)
  local key = run_key(p, run_id)
  local v = call('HMGET', key, 'state', 'def', 'step:' .. name,
    'child:' .. name)
  local graph = v[4] == id and definition.get(p, v[2])
  if not graph then
    return v[4] == id
  elseif not child.is_waiting(graph.steps[name], v[3]) then
    return true
  end
  local of = call('HMGET', run_key(p, id), 'state', 'reason')
  local at = step.held_by(run_id, name, graph, unparked(v[3]), v[1])
  local state = run_state.read(of[1])
  call('HDEL', key, 'waits:' .. name)
  if state == 'done' then
    succeed(batch, at, id, now)
  else
    fail(batch, at, id, state, of[2], now)
  end
  return child.is_kept(p, id, { parent = parent })
end

local ENDINGS = { 'done', 'failed', 'cancelled' }

-- A run has finished, which may be a child.
local function tell_parent(batch, id)
  local key = batch.p .. 'children'
  local parent = call('HGET', key, id)
  if parent then
    call('HDEL', key, id)
    if child.ended(batch, id, parent, tonumber(batch.finished_at)) then
      batch.kept[id] = true
    end
  end
end

-- Of the runs that finish in this call, the children, and what is finished by
-- their ends: eight levels at most, one behind the other (submit.define).
function child.settle_parents(batch)
  local told, is_more = { done = 0, failed = 0, cancelled = 0 }, true
  while is_more do
    is_more = false
    for _, state in ipairs(ENDINGS) do
      local ids = batch.finished[state]
      while ids and told[state] < #ids do
        told[state], is_more = told[state] + 1, true
        tell_parent(batch, ids[told[state]])
      end
    end
  end
end

-- --- the beginning -------------------------------------------------------------

-- The run that a step waits for shall end as well, and is told by a coordinator:
-- it is due now. One that cleans up already ends by itself.
function child.revoke(p, run_id, name, now)
  local id = call('HGET', run_key(p, run_id), 'child:' .. name)
  local text = id and call('HGET', run_key(p, id), 'state')
  local state, _, _, phase = run_state.read(text or 'done 0')
  if state == 'running' and not phase then
    call('HSET', run_key(p, id), 'deadline_at', text_of(now), 'revoked',
      run_id .. '/' .. name)
    run.schedule(p, id .. '/', text_of(now))
  end
end

local function bound(p, id, deadline, now)
  local key = run_key(p, id)
  local own = tonumber(call('HGET', key, 'deadline_at'))
  local due = now + deadline
  if deadline > 0 and (not own or due < own) then
    call('HSET', key, 'deadline_at', text_of(due))
    run.schedule(p, id .. '/', text_of(due))
  end
end

-- The child of an earlier try, if it was given the same input; it runs again if
-- it had failed, and goes on if it was to end with that try. Returns its id, or
-- nil.
local function resume(p, at, input, now)
  local key = run_key(p, at.id)
  local id = call('HGET', key, 'child:' .. at.name)
  local of = id and run.read(p, id)
  if not id or not of.state then
    return nil
  elseif (run.input(p, id, run_key(p, id)) or '') ~= input then
    child.let_go(p, at.id, at.name)
    return nil
  end
  of.graph = definition.get(p, of.def)
  local state, _, _, phase = run_state.read(of.state)
  if of.graph and of.revoked and state == 'running' and not phase then
    call('HDEL', run_key(p, id), 'revoked')
    control.renew_deadline(p, id, of, now)
  elseif of.graph and (state == 'failed' or state == 'cancelled') then
    local is_done, why = pcall(control.retry_run, p, id, of, state)
    if not is_done and not (type(why) == 'table' and why.complaint) then
      error(why)
    elseif not is_done then -- something of it is still under way
      child.let_go(p, at.id, at.name)
      return nil
    end
  end
  return id
end

local function create(batch, at, id, input, now)
  local p = batch.p
  local digest = at.graph.steps[at.name].definition
  if not digest or not submit.create_run(batch, digest, id, input, now) then
    return nil
  end
  local parent = at.id .. '/' .. at.name
  call('HSET', run_key(p, id), 'parent', parent)
  if call('HEXISTS', run_key(p, at.id), 'no_cache') == 1 then
    call('HSET', run_key(p, id), 'no_cache', '1')
  end
  call('HSET', p .. 'children', id, parent)
  count(batch, 'children')
  return id
end

local function begin(batch, at, id, input, deadline, now)
  local p, key = batch.p, run_key(batch.p, at.id)
  if not at.is_run_running then
    return step.end_with_run(batch, at, now)
  end
  id = resume(p, at, input, now) or create(batch, at, id, input, now)
  if not id then
    local failure = { class = 'unsupported', code = 0,
      detail = 'no definition of its workflow is stored' }
    return step.give_up(batch, at, failure, now)
  end
  call('HSET', key, 'step:' .. at.name, parked(at.text),
    'child:' .. at.name, id,
    'waits:' .. at.name, json.object('child', json.text(id)))
  local state = run_state.read(call('HGET', run_key(p, id), 'state'))
  if state == 'running' then
    bound(p, id, deadline, now)
  else -- an operator had it tried again, by itself
    child.ended(batch, id, at.id .. '/' .. at.name, now)
  end
end

-- Parks steps, each until the end of a run of its own.
-- WORKER (QUEUE ENTRY RUN STEP ATTEMPT CHILD INPUT DEADLINE_MS)... CHILD is the
-- id of a run that isn't there, DEADLINE_MS 0 for none of the step's own.
-- Returns as complete.
-- Afterwards, if COMMITTED: CHILD runs, or that of the try before once more,
-- and the step is parked until its end. The entry is gone.
function child.spawn(p, args)
  check_items(args, 8, 4, 7)
  return step.put_aside_each(p, args, 8, function(batch, at, i, now)
    begin(batch, at, args[i + 5], args[i + 6], tonumber(args[i + 7]), now)
  end)
end

end
