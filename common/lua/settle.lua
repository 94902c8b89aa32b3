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
-- call. `fields` gathers what changes in a run's hash, up to `count`: to let
-- a new table grow for each run costs 3000 instructions. An heir is offered
-- by complete alone.
local function settling_new(batch, now, now_text)
  return { p = batch.p, batch = batch, now = now, now_text = now_text,
    fields = {}, count = 0, open = {}, is_open = false }
end

-- Whose step it is; key is that of the run's hash.
local function settling_begin(s, id, key, graph, left, is_again)
  s.id, s.key, s.graph, s.left, s.is_again = id, key, graph, left, is_again
  s.count, s.records = 0, graph.branches and {}
end

-- The record of a step as it will be.
local function record_of(s, name)
  return s.records and s.records[name] or
    call('HGET', s.key, 'step:' .. name)
end

local function set_field(s, field, text)
  local n = s.count
  s.fields[n + 1], s.fields[n + 2], s.count = field, text, n + 2
end

local function set_record(s, field, name, text)
  set_field(s, field, text)
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
      call('HGET', s.key, 'caught:' .. of.handles) == name
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
  return not of.needs[1]
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
  local open, n = s.open, 1
  open[1] = name
  repeat
    local of = s.graph.steps[open[n]]
    s.left, n = s.left - 1, n - 1
    for i = 1, #of.next do
      if advance(s, of.next[i]) then
        n = n + 1
        open[n] = of.next[i]
      end
    end
    s.is_open = false -- to a step's own successors alone (step.heir)
  until n == 0
end

-- Writes what was gathered of a run in this state. It is done where it was
-- running and nothing of it is left.
local function write_settled(s, state)
  if s.left == 0 and state == 'running' then
    set_field(s, 'state', 'done 0')
    set_field(s, 'finished_at', s.now_text)
    finish_run(s.batch, s.id, 'done', s.now_text)
  else
    set_field(s, 'state', run_state.write(state, s.left, s.is_again))
  end
  call('HSET', s.key, unpack(s.fields, 1, s.count))
end

-- A step of a running run is settled, as `text`: writes that, and all that
-- follows. key is that of the run's hash, run_text its field `state`; `field`
-- is one more to be written, if there is any.
local function settle_step(s, id, key, graph, name, text, run_text, field,
    value)
  local state, left, is_again, phase = run_state.read(run_text)
  local of = graph.steps[name]
  if left == 1 and state == 'running' and
      not (phase or of.undo or field) then
    call('HSET', key, of.field, text, 'state', 'done 0',
      'finished_at', s.now_text)
    return finish_run(s.batch, id, 'done', s.now_text)
  end
  settling_begin(s, id, key, graph, left, is_again)
  set_record(s, of.field, name, text)
  if field then
    set_field(s, field, value)
  end
  if of.undo and record.read(text) ~= 'skipped' then
    set_field(s, 'undo:' .. name, undo.next_place(key))
  end
  if phase then
    if phase == 'undoing' then
      count(s.batch, 'undone')
    end
    call('HSET', key, unpack(s.fields, 1, s.count))
    return run.close_step(s.batch, id, graph, name, run_text, s.now_text)
  elseif state == 'running' then
    settle_behind(s, name)
  else
    s.left = left - 1
  end
  write_settled(s, state)
end

-- Steps of a run that is retried, or forked, all of whose needs are settled:
-- each begins or is skipped, and what follows from that. The one that an
-- operator has named, `from`, begins in any case. run_text is the run's field
-- `state` before; attempts: those that each has had. Returns how many steps
-- are left then; without any the run is done.
function step.begin_free(batch, id, graph, run_text, names, attempts, from, now)
  local s = settling_new(batch, now, text_of(now))
  local _, left, is_again = run_state.read(run_text)
  settling_begin(s, id, batch.p .. 'run:' .. id, graph, left, is_again)
  for _, name in ipairs(names) do
    local of, tried = graph.steps[name], attempts[name] or 0
    if name == from or is_wanted(s, name, of) then
      begin(s, name, of, tried)
    else
      set_record(s, of.field, name, record.skipped(tried))
      count(batch, 'steps_skipped')
      settle_behind(s, name)
    end
  end
  write_settled(s, 'running')
  return s.left
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

-- What is kept of the failure of a step that its workflow provides for.
function step.pack_failure(at, failure)
  return cmsgpack.pack({ class = failure.class, detail = failure.detail,
    code = tonumber(failure.code) or 0, attempt = tonumber(at.attempt),
    child = failure.child or nil })
end

-- Whether the run goes on although the step has failed so.
function step.provides_for(of, failure)
  return of.tolerates or find_handler(of, failure.class) ~= nil
end

-- A running step that is not tried again, `at` as read_held() gives it. If its
-- workflow provides for that, the run goes on; else it ends (run.bury).
function step.give_up(batch, at, failure, now)
  local of = at.graph.steps[at.name]
  if of.base then
    return step.give_up_item(batch, at, failure, now)
  end
  local handler = find_handler(of, failure.class)
  if not at.is_run_running or not step.provides_for(of, failure) then
    return run.bury(batch, at, failure, now)
  end
  call('HSET', batch.p .. 'out:' .. at.id, '.error:' .. at.name,
    step.pack_failure(at, failure))
  local s = settling_new(batch, now, text_of(now))
  s.caught = handler
  settle_step(s, at.id, batch.p .. 'run:' .. at.id, at.graph, at.name,
    record.ended('failed', at.text, at.started, now), at.run_text,
    handler and 'caught:' .. at.name, handler)
  count(batch, 'tolerated')
end
