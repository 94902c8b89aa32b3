-- What follows when a step is settled: done; skipped; or failed in a way that
-- its workflow has provided for. Those behind it that have no need left begin
-- or are skipped in turn, and a run in which all is settled is done.
--
-- A step is wanted if one of its needs has passed: is done, or failed and goes
-- on all the same (`tolerates`). One that another step names for its failures
-- (`catches`) is wanted if that one failed so; one with `when` = always, in
-- any case. All this is asked in graphs with `branches` only: in others a
-- step is done or its run has failed.

local settle = {}

-- What one call settles, step after step; one table serves all steps of a
-- call. An heir is offered by complete alone.
local function settling_new(batch, now, now_text)
  return { p = batch.p, batch = batch, now = now, now_text = now_text,
    is_open = false }
end

-- Whose step it is. `fields` gathers what changes in the run's hash.
local function settling_begin(s, id, graph, left, is_again, fields)
  s.id, s.graph, s.left, s.is_again, s.fields = id, graph, left, is_again, fields
  s.records = graph.branches and {}
end

-- The record of a step as it will be.
local function record_of(s, name)
  return s.records and s.records[name] or
    call('HGET', s.p .. 'run:' .. s.id, 'step:' .. name)
end

local function set_record(s, field, name, text)
  local n = #s.fields
  s.fields[n + 1], s.fields[n + 2] = field, text
  if s.records then
    s.records[name] = text
  end
end

-- Exec steps wait for a place on their worker: only one that had such a place
-- leaves it to an heir.
local function is_heir(s, of)
  return s.is_open and not s.name and of.queue == s.queue and
    (of.kind ~= 'exec' or s.kind == 'exec')
end

local function is_wanted(s, name, of)
  if not s.graph.branches then
    return true
  elseif of.handles then
    return s.caught == name or
      call('HGET', s.p .. 'run:' .. s.id, 'caught:' .. of.handles) == name
  elseif of.when then
    return of.when == 'always'
  end
  for _, need in ipairs(of.needs) do
    local state = string.match(record_of(s, need), '^%l+')
    if state == 'done' or
        state == 'failed' and s.graph.steps[need].tolerates then
      return true
    end
  end
  return false
end

-- The step has no need left, and is wanted.
local function begin(s, name, of, attempts)
  if s.is_again then
    set_record(s, of.field, name, record.ready(attempts, 0,
      run.enqueue(s.p .. 'queue:' .. of.queue, s.id, name), true))
  elseif is_heir(s, of) then
    s.name = name
    set_record(s, of.field, name, 'running 1 0 ' .. s.entry .. s.ending)
    count(s.batch, 'attempts')
  else
    set_record(s, of.field, name,
      'ready 0 0 ' .. run.enqueue(s.p .. 'queue:' .. of.queue, s.id, name))
  end
end

-- One need of `name` is settled. Returns whether that settles `name` as well.
local function advance(s, name)
  local of = s.graph.steps[name]
  local needs_left, attempts = #of.needs, 0
  if needs_left > 1 or s.is_again then
    local text = record_of(s, name)
    local state
    if text then
      state, attempts = record.read(text)
      if state ~= 'waiting' then -- it was settled before an operator's retry
        return false
      end
    end
    needs_left = record.needs_left(text, needs_left)
  end
  if needs_left > 1 then
    set_record(s, of.field, name, record.waiting(needs_left - 1, attempts))
  elseif is_wanted(s, name, of) then
    begin(s, name, of, attempts)
  else
    set_record(s, of.field, name, record.skipped(attempts))
    count(s.batch, 'steps_skipped')
    return true
  end
  return false
end

-- All that follows from `name`, whose record is among the fields.
local function settle_behind(s, name)
  local open = { name }
  repeat
    local of = s.graph.steps[table.remove(open)]
    s.left = s.left - 1
    for i = 1, #of.next do
      if advance(s, of.next[i]) then
        open[#open + 1] = of.next[i]
      end
    end
  until not open[1]
end

-- A step of a running run is settled, as `text`: writes that, and all that
-- follows. run_text is the run's field `state` as it was.
local function settle_step(s, id, graph, name, text, run_text, fields)
  local state, left, is_again, phase = run_state.read(run_text)
  if graph.steps[name].undo and record.read(text) ~= 'skipped' then
    undo.note_settled(s.p, id, name, fields)
  end
  if phase then
    if phase == 'undoing' then
      count(s.batch, 'undone')
    end
    call('HSET', s.p .. 'run:' .. id, 'step:' .. name, text, unpack(fields))
    return run.close_step(s.batch, id, graph, name, run_text, s.now_text)
  end
  settling_begin(s, id, graph, left, is_again, fields)
  set_record(s, 'step:' .. name, name, text)
  if state ~= 'running' then
    s.left = left - 1
  elseif left > 1 then
    settle_behind(s, name)
  else
    s.left = 0
  end
  local n = #fields
  fields[n + 1] = 'state'
  if s.left == 0 and state == 'running' then
    fields[n + 2], fields[n + 3], fields[n + 4] =
      'done 0', 'finished_at', s.now_text
    finish_run(s.batch, id, 'done', s.now_text)
  else
    fields[n + 2] = run_state.write(state, s.left, is_again)
  end
  call('HSET', s.p .. 'run:' .. id, unpack(fields))
end

-- The step that a clause of `catches` names for failures of this class.
local function find_handler(of, class)
  for _, clause in ipairs(of.catches or {}) do
    if not clause.classes then
      return clause.step
    end
    for _, caught in ipairs(clause.classes) do
      if caught == class then
        return clause.step
      end
    end
  end
end

-- A running step that is not tried again, `at` as read_held() gives it. If its
-- workflow provides for that, the run goes on; else it ends (run.bury).
function step.give_up(batch, at, failure, now)
  local of = at.graph.steps[at.name]
  local handler = find_handler(of, failure.class)
  if not at.is_run_running or not (handler or of.tolerates) then
    return run.bury(batch, at, failure, now)
  end
  call('HSET', batch.p .. 'out:' .. at.id, '.error:' .. at.name,
    cmsgpack.pack({ class = failure.class, detail = failure.detail,
      code = tonumber(failure.code) or 0, attempt = tonumber(at.attempt) }))
  local s = settling_new(batch, now, text_of(now))
  s.caught = handler
  settle_step(s, at.id, at.graph, at.name,
    record.ended('failed', at.text, at.started, now), at.run_text,
    handler and { 'caught:' .. at.name, handler } or {})
  count(batch, 'tolerated')
end
