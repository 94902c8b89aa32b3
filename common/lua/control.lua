-- Operators: cancel and retry; remove.lua has forget, drop, pause and resume,
-- fork.lua fork.

local control = {}

-- A run that must be there: its fields, with `graph`, and its state, how many
-- steps are left, and whether it was retried before.
local function get_run(p, id)
  local of = run.read(p, id or '')
  if not of.state then
    complain('ABSENT', 'there is no run %s (see: treadle list)', id or '')
  end
  of.graph = definition.get(p, of.def) or
    complain('ABSENT', 'the definition of run %s is gone', id)
  return of, run_state.read(of.state)
end

-- Ends a run now. RUN REASON. Returns JSON: run, state, stopped.
-- Afterwards: the run is cancelled, no step of it begins, running attempts
-- are told to stop and their results refused. If it has closing steps, it is
-- running until these have cleaned up, or until it is cancelled once more.
function control.cancel(p, args)
  local id = args[1]
  local of, state = get_run(p, id)
  if state ~= 'running' and state ~= 'cancelled' then
    complain('CONFLICT', 'run %s has finished already: %s', id, state)
  end
  local stopped = 0
  if state == 'running' then
    local batch = batch_new(p)
    stopped = run.stop(batch, id, of.graph, 'cancelled',
      run.reason('cancelled', nil, args[2]), clock(), true)
    batch_end(batch)
  end
  state = run_state.read(call('HGET', p .. 'run:' .. id, 'state'))
  return json.object('run', json.text(id), 'state', json.text(state),
    'stopped', json.number(stopped))
end

-- Complains of a name that no step has which an operator can begin at.
local function check_step(of, name)
  local step_of = of.graph.steps[name]
  if not step_of or step_of.when == 'undo' then
    complain('ABSENT', 'the workflow has no step %s (see: treadle status)',
      name)
  end
end

-- Steps and all that come behind them, as a set.
local function steps_from(of, open)
  local found = {}
  for _, name in ipairs(open) do
    found[name] = true
  end
  while #open > 0 do
    local name = table.remove(open)
    for _, behind in ipairs(of.graph.steps[name].next) do
      if not found[behind] then
        found[behind] = true
        open[#open + 1] = behind
      end
    end
  end
  return found
end

-- The steps to run again, as a set: all that aren't settled or running; those
-- that were undone and, if it is given, `from`, with all behind them. And as
-- another those of them that begin from nothing: of a step with items what it
-- has done is kept else.
local function steps_to_reset(of, from)
  local base = from and of.graph.steps[from].base
  local first = undo.undone(of)
  first[#first + 1] = base or from
  local anew = steps_from(of, first)
  for name in pairs(anew) do
    if run.is_at_work(of.graph.steps[name], of['step:' .. name]) or
        each.is_running(of, name) then
      complain('CONFLICT', 'step %s is still running: wait for its end', name)
    end
  end
  local reset = {}
  for name in pairs(anew) do
    reset[name] = true
  end
  if base and not undo.is_begun(of, of.graph.steps[base].undo) then
    anew[base] = nil
  end
  for name, step_of in pairs(of.graph.steps) do
    local text = of['step:' .. name]
    if run.is_left(step_of, text) and not run.is_at_work(step_of, text) then
      reset[name] = true
    end
  end
  for _, name in ipairs(of.graph.closing or {}) do -- each behind its needs
    for _, need in ipairs(of.graph.steps[name].needs) do
      reset[name] = reset[name] or reset[need]
    end
    anew[name] = reset[name]
  end
  return reset, anew
end

-- Clears what is known of a step's last tries but the count of attempts,
-- which goes on; a step that was done, or undone, gets a new generation, and
-- thereby a new idempotency key: the operator wants its effect again.
local function reset_step(p, id, of, name, is_undone)
  local key = p .. 'run:' .. id
  local state, attempt = record.read(of['step:' .. name])
  local again = of['again:' .. name] or '0 0'
  local generation = tonumber(string.match(again, ' (%d+)$'))
  if state == 'done' or is_undone or of['items:' .. name] then
    generation = generation + 1
    call('HDEL', p .. 'out:' .. id, name, '.memo:' .. name, '.last:' .. name)
    child.let_go(p, id, name)
  end
  if state == 'failed' then
    call('HDEL', p .. 'out:' .. id, '.error:' .. name)
  end
  if of['items:' .. name] then
    run.discard_items(p, id, of, of.graph, name)
  end
  if of['dead:' .. name] then
    call('XDEL', p .. 'dead', of['dead:' .. name])
  end
  call('HDEL', key, 'step:' .. name, 'dead:' .. name, 'progress:' .. name,
    'caught:' .. name, 'undo:' .. name, 'cached:' .. name)
  if attempt > 0 or generation > 0 then
    call('HSET', key, 'again:' .. name, attempt .. ' ' .. generation)
  end
  return attempt
end

-- Lets the steps that were reset wait for what isn't settled yet; returns
-- those that have nothing to wait for.
local function wait_again(p, id, of, names, reset, attempts)
  local free = {}
  for _, name in ipairs(names) do
    local needs_left = 0
    for _, need in ipairs(of.graph.steps[name].needs) do
      if reset[need] or not record.is_settled(of['step:' .. need]) then
        needs_left = needs_left + 1
      end
    end
    if attempts[name] and needs_left == 0 then -- others go on with their items
      free[#free + 1] = name
    elseif attempts[name] then
      call('HSET', p .. 'run:' .. id, 'step:' .. name,
        record.waiting(needs_left, attempts[name]))
    end
  end
  return free
end

-- A run that was final is running, in all indexes.
local function reindex(p, id, of, state)
  call('HDEL', p .. 'run:' .. id, 'finished_at', 'revoked')
  call('ZREM', p .. 'finished', id)
  call('ZREM', p .. 'runs:' .. state, id)
  call('ZADD', p .. 'runs:running', 0, id)
  child.place(p, id, of, 'running')
end

-- Its deadline counts from now on. of: its fields, and `graph`.
function control.renew_deadline(p, id, of, now)
  local key = p .. 'run:' .. id
  call('HDEL', key, 'deadline_at')
  call('ZREM', p .. 'delayed', id .. '/')
  if of.graph.deadline > 0 then
    call('HSET', key, 'deadline_at', now + of.graph.deadline)
    run.schedule(p, id .. '/', now + of.graph.deadline)
  end
end

local function reopen(p, id, of, state, left, now)
  local key = p .. 'run:' .. id
  reindex(p, id, of, state)
  call('HSET', key, 'state', run_state.write('running', left, true))
  call('HDEL', key, 'reason')
  if of.graph.undo then
    call('HDEL', p .. 'out:' .. id, '.reason')
  end
  control.renew_deadline(p, id, of, now)
end

-- Goes on undoing where that had not succeeded, with the same idempotency
-- keys, and cleans up anew: the run will end as it did.
local function undo_again(p, id, of, state)
  local names, batch = {}, batch_new(p)
  for _, by in ipairs(undo.recorded(of)) do
    if record.read(of['step:' .. by]) ~= 'done' then
      reset_step(p, id, of, by)
      names[#names + 1] = by
    end
  end
  for _, name in ipairs(of.graph.closing or {}) do
    call('HSET', p .. 'run:' .. id, 'step:' .. name, record.waiting(
      #of.graph.steps[name].needs, reset_step(p, id, of, name)))
    names[#names + 1] = name
  end
  table.sort(names)
  reindex(p, id, of, state)
  local text = run_state.write('running', 0, true, 'draining')
  call('HSET', p .. 'run:' .. id, 'state', text, 'closing', state)
  run.close_further(batch, id, of.graph, state, text, clock())
  batch_end(batch)
  return names
end

-- A run that is over is running again: its steps that aren't settled, or from
-- one on. of: its fields, and `graph`. Returns the names of these steps, and
-- the state that the run has then.
function control.retry_run(p, id, of, state, from)
  if from then
    check_step(of, from)
  elseif undo.is_stuck(of) then
    return undo_again(p, id, of, state), 'running'
  end
  local reset, anew = steps_to_reset(of, from)
  local names, left = {}, 0
  for name, step_of in pairs(of.graph.steps) do
    if reset[name] then
      names[#names + 1] = name
    end
    if reset[name] or run.is_left(step_of, of['step:' .. name]) then
      left = left + 1
    end
  end
  if #names == 0 then
    complain('CONFLICT', 'nothing is left of run %s: name the step to run it ' ..
      'again from', id)
  end
  table.sort(names)
  local base = from and of.graph.steps[from].base
  if base and not anew[base] then
    each.reopen(p, id, of, base, from)
  end
  local attempts = {}
  for _, name in ipairs(names) do
    if of['items:' .. name] and not anew[name] then
      each.resume(p, id, of, name, reset_step)
    else
      attempts[name] = reset_step(p, id, of, name,
        undo.is_begun(of, of.graph.steps[name].undo))
    end
  end
  for _, by in ipairs(undo.recorded(of)) do
    reset_step(p, id, of, by, undo.is_begun(of, by))
  end
  local now, batch = clock(), batch_new(p)
  local free = wait_again(p, id, of, names, reset, attempts)
  reopen(p, id, of, state, left, now)
  left = step.begin_free(batch, id, of.graph,
    run_state.write('running', left, true), free, attempts, from, now)
  batch_end(batch)
  return names, left == 0 and 'done' or 'running'
end

-- Tries a run again: its steps that aren't done or, with STEP, that step and
-- all behind it as well. RUN [STEP] [ONCE]. Returns JSON: run, state, steps.
-- Afterwards: the run is running, or done where nothing of what was left is
-- asked for any more; settled steps keep their checkpoints. One
-- in which something could not be undone goes on undoing, but with STEP.
control.retry = once(function(p, args)
  local id, from = args[1], optional(args, 2)
  local of, state = get_run(p, id)
  if state == 'running' then
    complain('CONFLICT', 'run %s is still running', id)
  elseif state == 'done' and not from then
    complain('CONFLICT',
      'run %s is done: name the step to run it again from (--from STEP)', id)
  end
  local names, state_now = control.retry_run(p, id, of, state, from)
  return json.object('run', json.text(id), 'state', json.text(state_now),
    'steps', json.texts(names))
end)
