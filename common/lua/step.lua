-- The life of a step, between READY and its end. All calls carry batches;
-- what they have in common is gathered and said once (batch_end).
--
-- The fence: a caller owns a step exactly while the step's record is
-- `running` with the caller's entry, attempt and name. (The name matters after
-- a power cut: what was lost of the history may give out an entry's attempt
-- again, to another.) Reclaim, release and defer
-- give the step another entry, so that whoever held the old one can't end it.
--
-- An entry stands for the step that it names, until that is done and an heir
-- goes on under it (complete).
--
-- The files: step (the fence), take, complete, fail (and defer, note),
-- release (and what becomes of a lost worker's steps).
--
-- take and complete are the hot path. What they cost was measured call by
-- call: they read a run once, match no pattern, write once, make no
-- table that they can do without, and print no number that they only pass on.

local step = {}

-- Checks the form of a batch before anything is written: WORKER, then items
-- of `size` arguments, those at the given offsets numbers.
local function check_items(args, size, ...)
  if #args < 1 + size or (#args - 1) % size ~= 0 then
    complain('USAGE', 'the arguments are WORKER and groups of %d', size)
  end
  for n = 1, select('#', ...) do
    local offset = select(n, ...)
    for i = 2 + offset, #args, size do
      to_number(args[i], 'an argument')
    end
  end
end

local SAME_END = { failed = 'dead', -- it is one way to be given up
  spread = 'done' }                -- it has done what was its own to do

-- Why one who says he holds a step does not. ended_as, attempt: the state
-- that this very attempt may have been put in already, and its number then.
local function refusal(batch, id, name, text, entry, ended_as, attempt)
  local state, made, _, at = record.read(text)
  if state == 'parked' then
    state, made = 'delayed', made - 1 -- its attempt counts: it goes on
  end
  state = SAME_END[state] or state
  if at == entry and state == ended_as and made == attempt or
      step.has_ended(batch.p, id, name, text) then
    count(batch, 'duplicates')
    return 'DUPLICATE'
  elseif at == entry and state == 'cancelled' then
    return 'CANCELLED'
  end
  count(batch, 'fenced')
  return 'FENCED'
end

-- Reads a step on behalf of one who says he holds it. Returns `at` if he
-- does, else nil and the answer. counted: the attempt's number in a record
-- of state ended_as, if that is another one.
local function read_held(batch, worker_id, run_id, name, entry, attempt,
    ended_as, counted)
  local v = call('HMGET', batch.p .. 'run:' .. run_id, 'state', 'def',
    'step:' .. name)
  local text = v[3]
  if not v[1] then
    return nil, 'GONE'
  end
  if not record.held_since(text, entry, attempt, worker_id) then
    return nil, refusal(batch, run_id, name, text, entry, ended_as,
      counted or tonumber(attempt))
  end
  local graph = definition.get(batch.p, v[2])
  if not graph then
    return nil, 'GONE'
  end
  return step.held_by(run_id, name, graph, text, v[1])
end

-- Ends attempts without a checkpoint: groups of `size` arguments that begin with
-- QUEUE ENTRY RUN STEP ATTEMPT. end_one(batch, at, i, now) ends the one at i;
-- ended_as(i) tells a repeat by the state, and the number of the attempt there
-- if that is another one. Returns what became of each.
function step.end_each(p, args, size, ended_as, end_one)
  local now = clock()
  local batch, answer = batch_new(p), {}
  for i = 2, #args, size do
    local at, why = read_held(batch, args[1], args[i + 2], args[i + 3],
      args[i + 1], args[i + 4], ended_as(i))
    if at then
      end_one(batch, at, i, now)
      finish_entry(batch, args[i], args[i + 1])
    end
    answer[#answer + 1] = at and 'COMMITTED' or why
  end
  batch_end(batch)
  return answer
end

-- The same for those that are put aside: their attempt is not counted.
function step.put_aside_each(p, args, size, end_one)
  return step.end_each(p, args, size, function(i)
    return 'delayed', tonumber(args[i + 4]) - 1
  end, end_one)
end

-- A running step by its record `text`; run_text is its run's field `state`.
-- is_run_running says whether it may be tried again: once its run is being
-- closed, what undoes and closes alone may, when its time has come.
function step.held_by(id, name, graph, text, run_text)
  local _, made, recoveries, entry, worker, started = record.read(text)
  local state, _, _, phase = run_state.read(run_text)
  return { id = id, name = name, graph = graph, text = text, entry = entry,
    run_text = run_text, attempt = made, recoveries = recoveries,
    worker = worker, started = started, phase = phase,
    is_run_running = state == 'running' and
      (not phase or phase ~= 'draining' and graph.steps[name].when ~= nil) }
end

-- The step comes to its end with its run, which is over or being closed.
function step.end_with_run(batch, at, now)
  call('HSET', batch.p .. 'run:' .. at.id, 'step:' .. at.name,
    record.ended('cancelled', at.text, at.started, now))
  if at.phase then
    run.close_step(batch, at.id, at.graph, at.name, at.run_text, now)
  end
end

-- The states of a step that may have left its entry to an heir.
local PASSED = { done = true, skipped = true }

-- The step that runs under the entry of `name`, which is done: its heir, or
-- the heir of that, with its record; nil if the entry is nobody's any more.
-- An entry is unique within its queue only, and an heir is of the same queue.
function step.heir(p, run_id, graph, name, entry)
  local queue, state, text = graph.steps[name].queue
  repeat
    local heir
    for _, next_name in ipairs(graph.steps[name].next) do
      text = call('HGET', p .. 'run:' .. run_id, 'step:' .. next_name)
      local at
      state, _, _, at = record.read(text)
      if at == entry and graph.steps[next_name].queue == queue then
        heir = next_name
        break
      end
    end
    name = heir
  until not name or not PASSED[state]
  if name and state == 'running' then
    return name, text
  end
end

-- The fields of an entry of a queue as a table, or nil.
local function entry_fields(p, queue, entry)
  local found = call('XRANGE', p .. 'queue:' .. queue, entry, entry)[1]
  local of = found and {}
  for i = 1, found and #found[2] or 0, 2 do
    of[found[2][i]] = found[2][i + 1]
  end
  return of
end

-- Whether an entry, by its fields, is a live step's: the one that it names,
-- or the heir of that.
function step.is_owned(p, queue, entry, of)
  local v = of.run and of.step and call('HMGET', p .. 'run:' .. of.run, 'def',
    'step:' .. of.step)
  local state, _, _, at = record.read(v and v[2])
  if at ~= entry then
    return false
  elseif state == 'done' then
    local graph = definition.get(p, v[1])
    return graph ~= nil and
      step.heir(p, of.run, graph, of.step, entry) ~= nil
  end
  return state == 'ready' or state == 'running'
end

-- An entry is not that of the step that it was given out for, and goes. After
-- a power cut its id may be given out again: then it is another step's, or
-- will be in this very call, and stays.
local function drop_entry(batch, queue, entry)
  local of = entry_fields(batch.p, queue, entry)
  if not of then
    call('XACK', batch.p .. 'queue:' .. queue, GROUP, entry)
  elseif not step.is_owned(batch.p, queue, entry, of) then
    finish_entry(batch, queue, entry)
  end
end
