-- Giving steps back to their queue: treadle_release, and treadle_reclaim for
-- workers that can't any more.

-- The worker of a running step has vanished: another try, counted apart, or
-- the dead letters. Returns 'recovered' or 'dead'.
local function recover(batch, at, queue, now)
  local p = batch.p
  local failure = { class = 'worker_lost', code = 0, attempt = at.attempt,
    worker = at.worker, at = now, took = math.max(0, now - at.started),
    detail = 'worker ' .. at.worker .. ' vanished during the attempt' }
  run.note_failure(p, at.id, at.name, at.attempt .. '~' .. at.recoveries,
    failure)
  count(batch, 'failures:worker_lost')
  if at.recoveries >= at.graph.steps[at.name].recoveries then
    failure.detail = 'its workers vanished ' .. at.recoveries + 1 .. ' times'
    step.give_up(batch, at, failure, now)
    return 'dead'
  end
  run.requeue(p, at.id, at.name, queue, at.attempt - 1, at.recoveries + 1)
  count(batch, 'recoveries')
  return 'recovered'
end

-- Puts one entry back in its queue under a new id, if it is still current.
-- Returns 'returned' and the new entry, 'recovered', 'dead' or nil; with
-- is_lost an attempt that had begun counts as a recovery.
function step.put_back(batch, queue, entry, run_id, name, is_lost, now)
  local p = batch.p
  local v = call('HMGET', p .. 'run:' .. run_id, 'state', 'def',
    'step:' .. name)
  local graph = v[2] and definition.get(p, v[2])
  local text = v[3]
  local state, attempt, recoveries, held = record.read(text)
  if graph and held == entry and PASSED[state] then
    name, text = step.heir(p, run_id, graph, name, entry)
    state, attempt, recoveries, held = record.read(text)
  end
  if held ~= entry or (state ~= 'ready' and state ~= 'running') then
    drop_entry(batch, queue, entry)
    return nil
  end
  finish_entry(batch, queue, entry)
  if not graph then
    return nil
  end
  local at = step.held_by(run_id, name, graph, text, v[1])
  if not at.is_run_running then
    step.end_with_run(batch, at, now)
    return nil
  elseif is_lost and state == 'running' then
    return recover(batch, at, queue, now)
  end
  return 'returned', run.requeue(p, run_id, name, queue,
    state == 'running' and attempt - 1 or attempt, recoveries)
end

-- Hands steps back that were delivered, begun or not; no attempt and no
-- recovery is counted. WORKER (QUEUE ENTRY RUN STEP)... Returns COMMITTED, or
-- FENCED where the caller had lost the step already.
-- Afterwards: the step is ready under a new entry, the old one is gone.
function step.release(p, args)
  check_items(args, 4)
  local now = clock()
  local batch = batch_new(p)
  local answer, made = {}, {}
  for i = 2, #args, 4 do
    local done, entry
    -- What was made here is nobody's yet, though after a power cut its id may
    -- be one that the caller has had.
    if not made[args[i] .. '/' .. args[i + 1]] then
      done, entry = step.put_back(batch, args[i], args[i + 1], args[i + 2],
        args[i + 3], false, now)
    end
    if done then
      count(batch, 'releases')
      made[args[i] .. '/' .. (entry or '')] = true
    end
    answer[#answer + 1] = done and 'COMMITTED' or 'FENCED'
  end
  batch_end(batch)
  return answer
end

