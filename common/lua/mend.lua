-- Mending what treadle doctor has found: damage that others did to the data,
-- or that a restored backup left. Each kind of mend looks again before it
-- writes, for the system runs meanwhile, and another doctor may have been
-- here; what must be guessed is not mended.

local mend = {}

local MENDS = {} -- by kind: (batch, now, arguments...) returns whether it did

-- The entry of a step in its queue: whether it is there, for whom it is
-- pending, and whether it was passed over: no read will return it.
local function find_entry(p, queue, entry)
  local key = p .. 'queue:' .. queue
  local pending = redis.pcall('XPENDING', key, GROUP, entry, entry, 1)
  local holder = not pending.err and pending[1] and pending[1][2]
  local group = find_group(key)
  local is_there = #call('XRANGE', key, entry, entry) > 0
  if not is_there or holder or not group then
    return is_there, holder, false
  end
  -- A range that ends where the group has read to holds what was delivered.
  local passed = call('XRANGE', key, entry, group['last-delivered-id'],
    'COUNT', 1)
  return true, nil, passed[1] ~= nil and passed[1][1] == entry
end

local function is_watched(p, id)
  return call('ZSCORE', p .. 'workers', id) or
    call('ZSCORE', p .. 'lost', id)
end

-- A step that is in no place, or held by nobody who is watched.
function MENDS.step(batch, now, id, name)
  local p = batch.p
  local of = run.read(p, id)
  local graph = of.def and definition.get(p, of.def)
  local step_of = graph and graph.steps[name]
  if not step_of or not of.state then
    return false
  end
  local text = of['step:' .. name]
  local state, attempt, recoveries, entry, worker_id = record.read(text)
  if state == 'ready' or state == 'running' then
    local is_there, holder, is_passed = find_entry(p, step_of.queue, entry)
    local is_held = holder and is_watched(p, holder)
    if state == 'ready' and is_there and not is_passed and
        (is_held or not holder) then
      return false
    elseif state == 'running' and (is_there and is_held and
        holder == worker_id or is_live(p, worker_id)) then
      return false
    end
    return step.put_back(batch, step_of.queue, entry, id, name, true,
      now) ~= nil
  elseif run_state.read(of.state) ~= 'running' then
    return false
  elseif state == 'delayed' then
    if call('ZSCORE', p .. 'delayed', id .. '/' .. name) then
      return false
    end
    run.schedule(p, id .. '/' .. name, text_of(now))
    return true
  elseif child.is_waiting(step_of, text) then
    of.queue = step_of.queue
    return child.look_after(batch, id, name, of, now)
  elseif state == 'parked' then
    local waits = of['waits:' .. name]
    local due = waits and string.match(waits, '"until":(%d+)')
    if not waits then
      run.requeue(p, id, name, step_of.queue, attempt - 1, recoveries)
    elseif due and not call('ZSCORE', p .. 'delayed', id .. '/' .. name) then
      run.schedule(p, id .. '/' .. name, due)
    else
      return false
    end
    return true
  end
  for _, need in ipairs(step_of.needs) do
    if not record.is_settled(of['step:' .. need]) then
      return false
    end
  end
  if state ~= 'waiting' or step_of.when == 'undo' or step_of.base then
    return false
  end
  run.requeue(p, id, name, step_of.queue, attempt, recoveries)
  return true
end

-- Puts a run where its own state says, and nowhere else.
local function place_run(p, id, of, state, now)
  local changed = 0
  for _, name in ipairs(STATES) do
    local key = p .. 'runs:' .. name
    if name == state then
      changed = changed + call('ZADD', key, 'CH', '0', id)
    else
      changed = changed + call('ZREM', key, id)
    end
  end
  if state == 'running' or not state then
    changed = changed + call('ZREM', p .. 'finished', id)
    if of.finished_at then
      changed = changed + call('HDEL', p .. 'run:' .. id, 'finished_at')
    end
  else
    local at = tonumber(of.finished_at) or now
    if not tonumber(of.finished_at) then
      call('HSET', p .. 'run:' .. id, 'finished_at', text_of(at))
    end
    if child.is_kept(p, id, of) then
      changed = changed + call('ZREM', p .. 'finished', id)
    else
      changed = changed + call('ZADD', p .. 'finished', 'CH', text_of(at), id)
    end
  end
  changed = changed + child.place(p, id, of, state)
  local deadline = state == 'running' and tonumber(of.deadline_at)
  if not deadline then
    return changed + call('ZREM', p .. 'delayed', id .. '/')
  end
  if tonumber(call('ZSCORE', p .. 'delayed', id .. '/')) == deadline then
    return changed
  end
  run.schedule(p, id .. '/', text_of(deadline))
  return changed + 1
end

-- How many steps a run waits for; see closing.lua for one that is closed.
local function count_left(of, phase)
  if phase == 'draining' then
    return run.count_running(of, of.graph)
  end
  local left = 0
  for name, step_of in pairs(of.graph.steps) do
    local text = of['step:' .. name]
    local state = record.read(text)
    local is_left = run.is_left(step_of, text)
    if phase == 'undoing' then
      is_left = undo.is_left(step_of, text)
    elseif phase then
      is_left = is_left and step_of.when ~= nil and state ~= 'dead'
    end
    left = left + (is_left and 1 or 0)
  end
  return left
end

-- Counts anew what a running run's waiting steps wait for, as fields to set.
local function recount_needs(of)
  local fields = {}
  for name, step_of in pairs(of.graph.steps) do
    local text = of['step:' .. name]
    local state, attempts = record.read(text)
    local left = 0
    for _, need in ipairs(step_of.needs) do
      if not record.is_settled(of['step:' .. need]) then
        left = left + 1
      end
    end
    if state == 'waiting' and left > 0 and step_of.when ~= 'undo' and
        record.needs_left(text, #step_of.needs) ~= left then
      fields[#fields + 1] = 'step:' .. name
      fields[#fields + 1] = record.waiting(left, attempts)
    end
  end
  return fields
end

-- Forgets dead letters that are not there, or are another step's.
local function forget_letters(p, id, of)
  local changed = 0
  for field, letter in pairs(of) do
    local name = string.match(field, '^dead:(.+)$')
    local found = name and redis.pcall('XRANGE', p .. 'dead', letter, letter)
    local letter_of = {}
    for i = 1, found and found[1] and #found[1][2] or 0, 2 do
      letter_of[found[1][2][i]] = found[1][2][i + 1]
    end
    if name and (letter_of.run ~= id or letter_of.step ~= name or
        record.read(of['step:' .. name]) ~= 'dead') then
      changed = changed + call('HDEL', p .. 'run:' .. id, field)
    end
  end
  return changed
end

-- Indexes, times and counts of a run: its records decide.
function MENDS.run(batch, now, id)
  local p = batch.p
  local of = run.read(p, id)
  if not of.state then
    return next(of) == nil and place_run(p, id, of, nil, now) > 0
  end
  local state, left, is_again, phase = run_state.read(of.state)
  of.graph = of.def and definition.get(p, of.def)
  if not left or not of.graph then
    return false
  end
  local fields, counted = {}, count_left(of, phase)
  if phase and (counted == 0 or
      phase == 'undoing' and not undo.is_under_way(of)) then
    run.close_further(batch, id, of.graph, of.closing, of.state, now)
    return true
  elseif state == 'running' and not phase then
    fields = recount_needs(of)
    if counted == 0 then
      state, of.finished_at = 'done', text_of(now)
      fields[#fields + 1], fields[#fields + 2] = 'finished_at', of.finished_at
      count(batch, 'runs_done')
    end
  end
  local text = run_state.write(state, counted, is_again and state ~= 'done',
    phase)
  if text ~= of.state then
    fields[#fields + 1], fields[#fields + 2] = 'state', text
  end
  if #fields > 0 then
    call('HSET', p .. 'run:' .. id, unpack(fields))
  end
  return place_run(p, id, of, state, now) + forget_letters(p, id, of) +
    #fields > 0
end
