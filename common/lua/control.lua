-- Operators: cancel, retry, forget, drop, pause and resume.
--
-- Who did not hear the answer calls again. Most functions then answer as they
-- did before; retry, forget and drop would find nothing left to do. So their
-- callers say who calls, and which of his calls it is, in a last argument
-- `once:<caller>.<number>`: the last answer to each caller is kept a while.

local control = {}

local ONCE = '^once:(%w+)%.(%d+)$'
local ONCE_MS = 600000

-- A function that does what body does, but for each `once:` a single time.
local function once(body)
  return function(p, args)
    local caller, number = string.match(args[#args] or '', ONCE)
    if not caller then
      return body(p, args)
    end
    local key = p .. 'once:' .. caller
    local last, answer = string.match(call('GET', key) or '', '^(%d+) (.*)$')
    if last ~= number then
      answer = body(p, { unpack(args, 1, #args - 1) })
      call('SET', key, number .. ' ' .. answer, 'PX', ONCE_MS)
    end
    return answer
  end
end

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

-- A step and all that come behind it, as a set; none of them may be running.
local function steps_from(of, first)
  local found, open = { [first] = true }, { first }
  while #open > 0 do
    local name = table.remove(open)
    if record.read(of['step:' .. name]) == 'running' then
      complain('CONFLICT', 'step %s is still running: wait for its end', name)
    end
    for _, behind in ipairs(of.graph.steps[name].next) do
      if not found[behind] then
        found[behind] = true
        open[#open + 1] = behind
      end
    end
  end
  return found
end

-- The steps to run again, as a set: all that aren't settled or running and, if
-- `from` is given, that step and all behind it.
local function steps_to_reset(of, from)
  if from and not of.graph.steps[from] then
    complain('ABSENT', 'the workflow has no step %s (see: treadle status)',
      from)
  end
  local reset = from and steps_from(of, from) or {}
  for name in pairs(of.graph.steps) do
    local text = of['step:' .. name]
    if not record.is_settled(text) and record.read(text) ~= 'running' then
      reset[name] = true
    end
  end
  for _, name in ipairs(of.graph.closing or {}) do -- each behind its needs
    for _, need in ipairs(of.graph.steps[name].needs) do
      reset[name] = reset[name] or reset[need]
    end
  end
  return reset
end

-- Clears what is known of a step's last tries but the count of attempts,
-- which goes on; a step that was done gets a new generation, and thereby a
-- new idempotency key: the operator wants its effect again.
local function reset_step(p, id, of, name)
  local key = p .. 'run:' .. id
  local state, attempt = record.read(of['step:' .. name])
  local again = of['again:' .. name] or '0 0'
  local generation = tonumber(string.match(again, ' (%d+)$'))
  if state == 'done' then
    generation = generation + 1
    call('HDEL', p .. 'out:' .. id, name, '.memo:' .. name)
  elseif state == 'failed' then
    call('HDEL', p .. 'out:' .. id, '.error:' .. name)
  end
  if of['dead:' .. name] then
    call('XDEL', p .. 'dead', of['dead:' .. name])
  end
  call('HDEL', key, 'step:' .. name, 'dead:' .. name, 'progress:' .. name,
    'caught:' .. name)
  if attempt > 0 or generation > 0 then
    call('HSET', key, 'again:' .. name, attempt .. ' ' .. generation)
  end
  return attempt
end

-- Queues a step that was reset, or lets it wait for what isn't done yet.
local function revive_step(p, id, of, name, reset, attempt)
  local graph = of.graph
  local needs_left = 0
  for _, need in ipairs(graph.steps[name].needs) do
    if reset[need] or not record.is_settled(of['step:' .. need]) then
      needs_left = needs_left + 1
    end
  end
  if needs_left == 0 then
    run.requeue(p, id, name, graph.steps[name].queue, attempt, 0)
  else
    call('HSET', p .. 'run:' .. id, 'step:' .. name,
      record.waiting(needs_left, attempt))
  end
end

local function reopen(p, id, of, state, left, now)
  local key = p .. 'run:' .. id
  call('HSET', key, 'state', run_state.write('running', left, true))
  call('HDEL', key, 'finished_at', 'reason', 'deadline_at')
  call('ZREM', p .. 'finished', id)
  call('ZREM', p .. 'runs:' .. state, id)
  call('ZADD', p .. 'runs:running', 0, id)
  if of.graph.deadline > 0 then
    call('HSET', key, 'deadline_at', now + of.graph.deadline)
    run.schedule(p, id .. '/', now + of.graph.deadline)
  end
end

-- Tries a run again: its steps that aren't done or, with STEP, that step and
-- all behind it as well. RUN [STEP] [ONCE]. Returns JSON: run, state, steps.
-- Afterwards: the run is running; finished steps keep their checkpoints.
control.retry = once(function(p, args)
  local id, from = args[1], optional(args, 2)
  local of, state = get_run(p, id)
  if state == 'running' then
    complain('CONFLICT', 'run %s is still running', id)
  elseif state == 'done' and not from then
    complain('CONFLICT',
      'run %s is done: name the step to run it again from', id)
  end
  local reset = steps_to_reset(of, from)
  local names, left = {}, 0
  for name in pairs(of.graph.steps) do
    if reset[name] then
      names[#names + 1] = name
    end
    if reset[name] or not record.is_settled(of['step:' .. name]) then
      left = left + 1
    end
  end
  table.sort(names)
  local attempts = {}
  for _, name in ipairs(names) do
    attempts[name] = reset_step(p, id, of, name)
  end
  for _, name in ipairs(names) do
    revive_step(p, id, of, name, reset, attempts[name])
  end
  reopen(p, id, of, state, left, (clock()))
  return json.object('run', json.text(id), 'state', '"running"',
    'steps', json.texts(names))
end)

-- Removes a finished run and all that is of it. RUN [ONCE]. Returns JSON: run.
control.forget = once(function(p, args)
  local id = args[1]
  local state = call('HGET', p .. 'run:' .. (id or ''), 'state')
  if not state then
    complain('ABSENT', 'there is no run %s (see: treadle list)', id or '')
  elseif run_state.read(state) == 'running' then
    complain('CONFLICT', 'run %s is still running: cancel it first', id)
  end
  local batch = batch_new(p)
  run.remove(batch, id, clock())
  batch_end(batch)
  return json.object('run', json.text(id))
end)

-- Removes a dead letter; its run stays, failed. ENTRY [ONCE]. Returns JSON:
-- entry, run, step.
control.drop = once(function(p, args)
  local entry = args[1] or ''
  if not string.match(entry, '^%d+%-%d+$') then
    complain('USAGE', 'a dead letter is named by its entry, as 1732243342123-0')
  end
  local found = call('XRANGE', p .. 'dead', entry, entry)[1]
  if not found then
    complain('ABSENT', 'there is no dead letter %s', entry)
  end
  local of = {}
  for i = 1, #found[2], 2 do
    of[found[2][i]] = found[2][i + 1]
  end
  call('XDEL', p .. 'dead', entry)
  call('HDEL', p .. 'run:' .. of.run, 'dead:' .. of.step)
  return json.object('entry', json.text(entry), 'run', json.text(of.run),
    'step', json.text(of.step))
end)

local function set_paused(p, queue, is_paused)
  if not queue or call('SISMEMBER', p .. 'queues', queue) == 0 then
    complain('ABSENT', 'there is no queue %s (see: treadle queues)',
      queue or '')
  end
  call(is_paused and 'SADD' or 'SREM', p .. 'paused', queue)
  return json.object('queue', json.text(queue),
    'paused', json.boolean(is_paused))
end

-- Lets no step of a queue begin; running ones go on. QUEUE.
function control.pause(p, args)
  return set_paused(p, args[1], true)
end

-- Ends a pause. QUEUE.
function control.resume(p, args)
  return set_paused(p, args[1], false)
end

