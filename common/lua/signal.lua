-- Waiting for a signal: somebody outside says that a step may go on.
--
-- A step whose graph names a `signal` is parked once it was taken: its record
-- says so, neither a queue nor a worker knows of it, and `waits:<step>` in the
-- run's hash says what it waits for, as JSON. Where its patience ends, it is
-- among the delayed as well, until then.
--
-- A signal is for one step, and settles it. One that comes before the step is
-- taken is kept, as `.signal:<step>`; a second one is refused then, for who
-- sent the first was told that it counts.

local signal = {}

do -- what has a name below is of this file alone

local DATA_MAX = 262144 -- bytes
local NULL = '\192'     -- msgpack

-- A parked step, or one that is to be parked, has what it waited for.
local function settle_waiting(batch, at, data, now)
  call('HSET', batch.p .. 'out:' .. at.id, at.name, data)
  settle_step(settling_new(batch, now, text_of(now)), at.id,
    batch.p .. 'run:' .. at.id, at.graph, at.name,
    record.ended('done', at.text, at.started, now), at.run_text)
  count(batch, 'steps_done')
end

-- Parks a running step, until `due` (0: for ever), or settles it where its
-- signal has come already. `prompt` is msgpack.
function step.park(batch, at, due, prompt, now)
  local p = batch.p
  local out = p .. 'out:' .. at.id
  local data = call('HGET', out, '.signal:' .. at.name)
  if not at.is_run_running then
    return step.end_with_run(batch, at, now)
  elseif data then
    call('HDEL', out, '.signal:' .. at.name)
    return settle_waiting(batch, at, data, now)
  end
  call('HSET', p .. 'run:' .. at.id,
    'step:' .. at.name, record.ended('parked', at.text, at.started, now),
    'waits:' .. at.name, json.object(
      'signal', json.text(at.graph.steps[at.name].signal),
      'until', due > 0 and json.number(due),
      'prompt', prompt ~= NULL and json.msgpack(prompt)))
  if due > 0 then
    run.schedule(p, at.id .. '/' .. at.name, text_of(due))
  end
  count(batch, 'parked')
end

-- The parked step of that record leaves its place; returns it as read_held
-- gives one that is held.
local function leave(p, id, graph, name, text, run_text)
  local at = step.held_by(id, name, graph, text, run_text)
  call('ZREM', p .. 'delayed', id .. '/' .. name)
  call('HDEL', p .. 'run:' .. id, 'waits:' .. name)
  at.text = record.running(at.attempt, at.recoveries, at.entry, at.worker,
    at.started)
  return at
end

-- The patience of a parked step has ended. To wait once more would make no
-- sense: it has failed for good.
function step.expire(batch, id, graph, name, text, run_text, now)
  local at = leave(batch.p, id, graph, name, text, run_text)
  fail_one(batch, at, -1, { class = 'timeout', code = 0, detail =
    'signal ' .. graph.steps[name].signal .. ' did not come in time' }, '', now)
end

-- The step of a workflow that waits for a signal.
local function find_step(of, id, name)
  local found = of.graph.signals and of.graph.signals[name or '']
  if found then
    return found
  end
  local known = {}
  for other in pairs(of.graph.signals or {}) do
    known[#known + 1] = other
  end
  table.sort(known)
  complain('ABSENT', 'no step of run %s waits for a signal %s: it knows %s', id,
    name or '', known[1] and table.concat(known, ', ', 1, math.min(#known, 20))
      or 'none')
end

-- Why a signal is neither taken nor kept.
local function check_time(p, id, of, name, state, phase)
  if record.SETTLED[state] or state == 'dead' or state == 'cancelled' then
    complain('CONFLICT', 'step %s of run %s waits no longer: it is %s', name,
      id, state)
  elseif phase and not of.graph.steps[name].when then
    complain('CONFLICT', 'run %s is being closed: step %s is not reached', id,
      name)
  elseif state ~= 'parked' and
      call('HEXISTS', p .. 'out:' .. id, '.signal:' .. name) == 1 then
    complain('CONFLICT', 'step %s of run %s has its signal already: it was ' ..
      'kept for when the step is reached', name, id)
  end
end

-- msgpack, one value of it; without any null.
local function check_data(bytes)
  if not bytes then
    return NULL
  elseif #bytes > DATA_MAX then
    complain('INPUT', 'the data of a signal is larger than %d KiB: put it ' ..
      'into a file, and send where that is', DATA_MAX / 1024)
  elseif select(2, pcall(function()
    return select('#', cmsgpack.unpack(bytes))
  end)) ~= 1 then
    complain('USAGE', 'DATA is not one value in msgpack (see: treadle signal)')
  end
  return bytes
end

-- Gives the step of a run that waits for a signal what it waits for, or keeps
-- that until it does. RUN NAME DATA [ONCE], DATA is msgpack. Returns JSON:
-- run, signal, step, kept.
-- Afterwards: the step is done, DATA is its output, and what is behind it has
-- gone on; or it will be so as soon as the step is taken.
signal.signal = once(function(p, args)
  local id, data = args[1], check_data(optional(args, 3))
  local of, state, _, _, phase = get_run(p, id)
  if state ~= 'running' then
    complain('CONFLICT', 'run %s has finished already: %s', id, state)
  end
  local name = find_step(of, id, args[2])
  local text = of['step:' .. name]
  local step_state = record.read(text)
  check_time(p, id, of, name, step_state, phase)
  if step_state == 'parked' then
    local batch = batch_new(p)
    settle_waiting(batch, leave(p, id, of.graph, name, text, of.state),
      data, (clock()))
    batch_end(batch)
  else
    call('HSET', p .. 'out:' .. id, '.signal:' .. name, data)
  end
  call('HINCRBY', p .. 'counters', 'signals', 1)
  return json.object('run', json.text(id), 'signal', json.text(args[2]),
    'step', json.text(name), 'kept', json.boolean(step_state ~= 'parked'))
end)

end
