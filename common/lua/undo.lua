-- Undoing: what was done in a run that has failed, or was cancelled.
--
-- A step with `compensate` names in its `undo` the step that undoes it, whose
-- `when` is undo: nothing else begins that one. In which order steps were done
-- is counted as they are: `undo:<step>`. In a run that is being closed, when
-- nothing runs any more, what is to be undone gets in line, the last done
-- first: `waiting <place>`. Each begins when the one before it has ended,
-- however; a dead one leaves its letter, and the others go on.
--   running <n> undoing    the first of n is ready, running, delayed or
--                          parked
--
-- A step whose undoing has begun is not done any more: a retry performs it
-- again, with all that is behind it, once nothing is left to be undone.

local undo = {}

do -- what has a name below is of this file alone

-- The place in the order of a step that is settled now, and was performed;
-- key is that of the run's hash.
function undo.next_place(key)
  return call('HINCRBY', key, 'undo', 1)
end

-- How often a step was tried before it was reset last.
local function attempts_before(of, name)
  return tonumber(string.match(of['again:' .. name] or '0', '^%d+'))
end

-- Whether a try at a step has begun since.
local function has_begun(of, name)
  local state, attempt, recoveries = record.read(of['step:' .. name])
  return state ~= 'waiting' and state ~= 'skipped' and
    (attempt > attempts_before(of, name) or recoveries > 0)
end

-- Whether this run has had an effect by a step, or may have had one: by a
-- round of it, too, though that is no attempt. What a fork has not done itself
-- it does not undo.
local function has_effect(p, id, of, name)
  local text = of['step:' .. name]
  if record.is_settled(text) and not of['undo:' .. name] then
    return false
  end
  return record.read(text) == 'done' or
    of.graph.steps[of.graph.steps[name].undo].unfinished and
    (has_begun(of, name) or
    call('HEXISTS', p .. 'out:' .. id, '.last:' .. name) == 1)
end

-- What undoes steps, each by its name where is_wanted says so, in the order
-- of undoing: the last done first. What was not done comes before all, for
-- nobody knows when it had its effect.
local function in_order_of_undoing(of, is_wanted)
  local line, names = {}, {}
  for _, name in ipairs(of.graph.undo and of.graph.undo.steps or {}) do
    local by = of.graph.steps[name].undo
    if is_wanted(name, by) then
      line[#line + 1] = { by = by,
        at = tonumber(of['undo:' .. name]) or math.huge }
    end
  end
  table.sort(line, function(a, b)
    return a.at > b.at or a.at == b.at and a.by < b.by
  end)
  for i, waiting in ipairs(line) do
    names[i] = waiting.by
  end
  return names
end

-- Puts in line what is to be undone.
local function line_up(p, id, graph)
  local of, fields = run.read(p, id), {}
  of.graph = graph
  local line = in_order_of_undoing(of, function(name, by)
    return has_effect(p, id, of, name) and
      not record.is_settled(of['step:' .. by])
  end)
  for place, by in ipairs(line) do
    fields[place * 2 - 1] = 'step:' .. by
    fields[place * 2] = record.waiting(place, attempts_before(of, by))
  end
  call_many('HSET', p .. 'run:' .. id, nil, fields)
  local is_known, reason = pcall(cjson.decode, of.reason or '')
  if #line > 0 and is_known then
    call('HSET', p .. 'out:' .. id, '.reason', cmsgpack.pack(reason))
  end
end

-- Begins the next in line of a run that ends as `ending`; right behind the
-- phase `draining` they get in line first. Returns whether there was one.
function run.undo_next(batch, id, graph, ending, is_again, phase)
  local key = batch.p .. 'run:' .. id
  if not graph.undo or not graph.undo[ending] then
    return false
  elseif phase == 'draining' then
    line_up(batch.p, id, graph)
  end
  local fields, first, first_place, left = {}, nil, math.huge, 0
  for i, name in ipairs(graph.undo.steps) do
    fields[i] = graph.steps[graph.steps[name].undo].field
  end
  local texts = call('HMGET', key, unpack(fields))
  for i = 1, #fields do
    local place = record.needs_left(texts[i])
    left = left + (place and 1 or 0)
    if place and place < first_place then
      first, first_place = i, place
    end
  end
  if not first then
    return false
  end
  local _, attempts = record.read(texts[first])
  first = graph.steps[graph.undo.steps[first]].undo
  run.requeue(batch.p, id, first, graph.steps[first].queue, attempts, 0)
  call('HSET', key, 'state',
    run_state.write('running', left, is_again, 'undoing'))
  return true
end

-- Whether a run that undoes waits for a step, by its record.
function undo.is_left(step_of, text)
  return step_of.when == 'undo' and text ~= nil and
    not record.is_settled(text) and record.read(text) ~= 'dead'
end

local LIVE = { ready = true, running = true, delayed = true, parked = true }

-- Whether something of a run is being undone.
function undo.is_under_way(of)
  for _, name in ipairs(of.graph.undo.steps) do
    if LIVE[record.read(of['step:' .. of.graph.steps[name].undo])] then
      return true
    end
  end
  return false
end

-- What undoes steps, as far as it has a record, in its order.
function undo.recorded(of)
  return in_order_of_undoing(of, function(_, by)
    return of['step:' .. by] ~= nil
  end)
end

-- Whether a try at undoing has begun; `by` undoes some step.
function undo.is_begun(of, by)
  return by ~= nil and has_begun(of, by)
end

-- The steps that were undone, or nearly.
function undo.undone(of)
  local found = {}
  for _, by in ipairs(undo.recorded(of)) do
    if has_begun(of, by) then
      found[#found + 1] = of.graph.steps[by].needs[1]
    end
  end
  return found
end

-- Whether something could not be undone, and nobody has dropped its letter.
function undo.is_stuck(of)
  for _, by in ipairs(undo.recorded(of)) do
    if of['dead:' .. by] then
      return true
    end
  end
  return false
end

end

