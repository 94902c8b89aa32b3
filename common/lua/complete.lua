-- Ending attempts well: treadle_complete, the instant of commitment.

-- One need of `name` is done: appends what changes in the run's hash.
local function advance(p, id, graph, name, is_again, fields)
  local of = graph.steps[name]
  local needs_left, attempts = #of.needs, 0
  if needs_left > 1 or is_again then
    local text = call('HGET', p .. 'run:' .. id, 'step:' .. name)
    needs_left = record.needs_left(text, needs_left)
    if text then
      local _, made = record.read(text)
      attempts = made
    end
  end
  local n = #fields
  fields[n + 1] = of.field
  if needs_left > 1 then
    fields[n + 2] = 'waiting ' .. needs_left - 1 ..
      (attempts > 0 and ' ' .. attempts or '')
    return
  end
  local entry = run.enqueue(p, id, name, of.queue)
  fields[n + 2] = is_again and record.ready(attempts, 0, entry, true) or
    'ready 0 0 ' .. entry
end

-- Writes the record and state of a committed step, and what follows from it:
-- successors that become ready, or the end of the run.
local function follow(batch, key, id, graph, of, text, run_text, now_text)
  local state, left, is_again = run_state.read(run_text)
  if state ~= 'running' then
    call('HSET', key, of.field, text, 'state',
      run_state.write(state, left - 1, is_again))
  elseif left == 1 then
    call('HSET', key, of.field, text, 'state', 'done 0', 'finished_at',
      now_text)
    finish_run(batch, id, 'done', now_text)
  else
    local fields = { of.field, text, 'state',
      run_state.write(state, left - 1, is_again) }
    for i = 1, #of.next do
      advance(batch.p, id, graph, of.next[i], is_again, fields)
    end
    call('HSET', key, unpack(fields))
  end
end

-- Commits one checkpoint. Returns the answer.
local function complete_one(batch, entry, id, name, attempt, output, now,
    now_text)
  local p = batch.p
  local key = p .. 'run:' .. id
  local v = call('HMGET', key, 'state', 'def', 'step:' .. name)
  local text = v[3]
  local made, held, started = string.match(text or '',
    '^running (%d+) %d+ (%S+) %S+ (%d+)$')
  if held ~= entry or made ~= attempt then
    return v[1] and refusal(batch, text, entry, 'done',
      tonumber(attempt)) or 'GONE'
  end
  local graph = definition.get(p, v[2])
  if not graph then
    return 'GONE'
  end
  local of = graph.steps[name]
  call('HSET', p .. 'out:' .. id, name, output)
  follow(batch, key, id, graph, of, record.ended('done', text, started, now),
    v[1], now_text)
  if of.kind ~= 'pass' then
    call('HDEL', p .. 'out:' .. id, '.memo:' .. name)
    call('HDEL', key, 'progress:' .. name)
  end
  return 'COMMITTED'
end

-- Commits checkpoints, and queues the steps that are now ready.
-- WORKER (QUEUE ENTRY RUN STEP ATTEMPT OUTPUT)... Returns for each COMMITTED;
-- DUPLICATE (this very attempt had been: the reply was lost); FENCED (somebody
-- else owns the step); CANCELLED; GONE (there is no such run).
-- Afterwards, if COMMITTED: the output never changes, successors whose needs
-- are met are ready, a run without steps left is done, the entry is gone.
function step.complete(p, args)
  check_items(args, 6)
  local now, now_text = clock()
  local batch = batch_new(p)
  local answer, done = {}, 0
  for i = 2, #args, 6 do
    local code = complete_one(batch, args[i + 1], args[i + 2], args[i + 3],
      args[i + 4], args[i + 5], now, now_text)
    if code == 'COMMITTED' then
      finish_entry(batch, args[i], args[i + 1])
      done = done + 1
    end
    answer[#answer + 1] = code
  end
  if done > 0 then
    count(batch, 'steps_done', done)
  end
  batch_end(batch)
  return answer
end

