-- Cleaning up: what a run that has failed, or is to be cancelled, still does.
--
-- Steps whose `when` is always, failure or cancelled are there for that
-- (`graph.closing`, each after all that it needs). Such a run is running until
-- they are settled; what it will be is in its field `closing`. Its state says
-- how far it is, and for how many steps it waits:
--   running <n> draining   attempts that were under way may end
--   running <n> undoing    what was done is undone (undo.lua)
--   running <n> cleaning   closing steps are being performed
-- A second end, by an operator, ends it at once.

local WHEN = { failed = 'failure', cancelled = 'cancelled' }

-- Final at last, as `ending`.
function run.close_finally(batch, id, graph, ending, is_again, now)
  local of, left = run.read(batch.p, id), 0
  for name, step_of in pairs(graph.steps) do
    if run.is_left(step_of, of['step:' .. name]) then
      left = left + 1
    end
  end
  call('HSET', batch.p .. 'run:' .. id, 'state',
    run_state.write(ending, left, is_again), 'finished_at', now)
  call('HDEL', batch.p .. 'run:' .. id, 'closing')
  finish_run(batch, id, ending, now)
end

-- Nothing is left of what was before: begins the closing steps that nothing
-- is before; the others wait for their needs among the closing ones.
local function clean(batch, id, graph, ending, is_again, now)
  local p = batch.p
  local of, is_open, open = run.read(p, id), {}, 0
  for _, name in ipairs(graph.closing or {}) do
    local step_of, text = graph.steps[name], of['step:' .. name]
    local state, attempts = record.read(text)
    if not record.is_settled(text) and state ~= 'dead' then
      local needs_left = 0
      if of['items:' .. name] then -- it was under way when the run came to its end
        run.discard_items(p, id, of, graph, name)
      end
      for _, need in ipairs(step_of.needs) do
        needs_left = needs_left + (is_open[need] and 1 or 0)
      end
      if step_of.when ~= 'always' and step_of.when ~= WHEN[ending] then
        call('HSET', p .. 'run:' .. id, 'step:' .. name, record.skipped(attempts))
        count(batch, 'steps_skipped')
      else
        is_open[name], open = true, open + 1
        if needs_left == 0 then
          run.requeue(p, id, name, step_of.queue, attempts, 0)
        else
          call('HSET', p .. 'run:' .. id, 'step:' .. name,
            record.waiting(needs_left, attempts))
        end
      end
    end
  end
  if open == 0 then
    return run.close_finally(batch, id, graph, ending, is_again, now)
  end
  call('HSET', p .. 'run:' .. id, 'state',
    run_state.write('running', open, is_again, 'cleaning'))
end

-- A run that has closing steps, or something to undo, ends as `ending`;
-- `running` attempts may end first.
function run.close(batch, id, graph, ending, reason, running, is_again, now)
  local p = batch.p
  local key = p .. 'run:' .. id
  local text = run_state.write('running', running, is_again, 'draining')
  call('HSET', key, 'state', text,
    'closing', ending, 'reason', reason)
  if call('HDEL', key, 'deadline_at') > 0 then
    call('ZREM', p .. 'delayed', id .. '/')
  end
  if running == 0 then
    run.close_further(batch, id, graph, ending, text, now)
  end
end

-- Nothing is left of the phase in which a run is closed.
function run.close_further(batch, id, graph, ending, run_text, now)
  local _, _, is_again, phase = run_state.read(run_text)
  if phase == 'cleaning' then
    run.close_finally(batch, id, graph, ending, is_again, now)
  elseif not run.undo_next(batch, id, graph, ending, is_again, phase) then
    clean(batch, id, graph, ending, is_again, now)
  end
end

-- A step of a run that is being closed has come to its end, however.
-- run_text is the run's field `state`.
function run.close_step(batch, id, graph, name, run_text, now)
  local p = batch.p
  local key = p .. 'run:' .. id
  local _, left, is_again, phase = run_state.read(run_text)
  local ending = call('HGET', key, 'closing')
  left = left - 1
  if phase == 'cleaning' then
    for _, behind in ipairs(graph.steps[name].next) do
      local text = graph.steps[behind].when and
        call('HGET', key, 'step:' .. behind)
      local needs_left = record.needs_left(text)
      local _, attempts = record.read(text)
      if needs_left == 1 then
        run.requeue(p, id, behind, graph.steps[behind].queue, attempts, 0)
      elseif needs_left then
        call('HSET', key, 'step:' .. behind,
          record.waiting(needs_left - 1, attempts))
      end
    end
  end
  if left > 0 and phase ~= 'undoing' then
    call('HSET', key, 'state',
      run_state.write('running', left, is_again, phase))
  else
    run.close_further(batch, id, graph, ending, run_text, now)
  end
end
