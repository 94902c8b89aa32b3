-- Ending attempts otherwise, and what they say on their way: treadle_fail,
-- treadle_defer, treadle_note.

-- The record says `state` from now on, and how long the attempt took.
local function end_record(batch, at, state, now)
  call('HSET', batch.p .. 'run:' .. at.id, 'step:' .. at.name,
    record.ended(state, at.text, at.started, now))
end

-- The step leaves its worker: for the delayed set until `due` or, where its
-- run has failed elsewhere meanwhile, for good.
local function put_aside(batch, at, due, now, counter)
  if not at.is_run_running then
    return step.end_with_run(batch, at, now)
  end
  end_record(batch, at, 'delayed', now)
  run.schedule(batch.p, at.id .. '/' .. at.name, text_of(due))
  count(batch, counter)
end

local function fail_one(batch, at, wait, failure, log, now)
  local p = batch.p
  failure.attempt, failure.worker, failure.at = at.attempt, at.worker, now
  failure.took = math.max(0, now - at.started)
  run.note_failure(p, at.id, at.name, at.attempt, failure)
  if log ~= '' then
    call('HSET', p .. 'log:' .. at.id, at.name .. '/' .. at.attempt .. '/log',
      log)
  end
  count(batch, 'failures:' .. failure.class)
  if wait < 0 then
    step.give_up(batch, at, failure, now)
  else
    put_aside(batch, at, now + wait, now, 'retries')
  end
end

-- Ends attempts without success.
-- WORKER (QUEUE ENTRY RUN STEP ATTEMPT DELAY_MS CLASS CODE DETAIL LOG)...
-- DELAY_MS -1: never again. Returns as complete.
-- Afterwards, if COMMITTED: the step is delayed, or dead and its run failed,
-- or failed and its run goes on, where its workflow provides for that.
function step.fail(p, args)
  check_items(args, 10, 5, 7)
  return step.end_each(p, args, 10, function(i)
    return tonumber(args[i + 5]) < 0 and 'dead' or 'delayed'
  end, function(batch, at, i, now)
    local failure = { class = args[i + 6], code = args[i + 7],
      detail = args[i + 8] }
    fail_one(batch, at, tonumber(args[i + 5]), failure, args[i + 9], now)
  end)
end

-- What a try leaves for the next one. Of a step that is repeated that is what
-- the round has yielded: with the round ends what its tries have noted, and
-- how many of them were lost.
function step.leave(p, at, memo)
  local key = p .. 'out:' .. at.id
  if at.graph.steps[at.name].rounds then
    call('HSET', key, '.last:' .. at.name, memo)
    call('HDEL', key, '.memo:' .. at.name)
    call('HDEL', p .. 'run:' .. at.id, 'progress:' .. at.name)
    at.recoveries = 0
  elseif memo ~= '' then
    call('HSET', key, '.memo:' .. at.name, memo)
  end
end

-- Puts steps aside until a time, without counting an attempt.
-- WORKER (QUEUE ENTRY RUN STEP ATTEMPT DUE_AT MEMO)... Returns as complete.
-- Afterwards, if COMMITTED: the step is delayed; its next try, or round, gets
-- MEMO.
-- A step that waits for a signal is parked (signal.lua): MEMO is its prompt, and
-- without DUE_AT, 0, it waits for ever.
function step.defer(p, args)
  check_items(args, 7, 4, 5)
  return step.put_aside_each(p, args, 7, function(batch, at, i, now)
    local due, memo = tonumber(args[i + 5]), args[i + 6]
    if at.graph.steps[at.name].signal then
      return step.park(batch, at, due, memo, now)
    end
    step.leave(p, at, memo)
    at.text = record.running(at.attempt - 1, at.recoveries, args[i + 1],
      at.worker, at.started)
    put_aside(batch, at, due, now, 'deferrals')
  end)
end

-- Keeps what one attempt says on its way; empty texts change nothing.
local function note_one(p, at, progress, memo, cost, log)
  if progress ~= '' then
    call('HSET', p .. 'run:' .. at.id, 'progress:' .. at.name, progress)
  end
  if memo ~= '' then
    call('HSET', p .. 'out:' .. at.id, '.memo:' .. at.name, memo)
  end
  if cost ~= '' then
    call('HSET', p .. 'run:' .. at.id, 'cost:' .. at.name, cost)
  end
  if log ~= '' then
    call('HSET', p .. 'log:' .. at.id, at.name .. '/' .. at.attempt .. '/log',
      log)
  end
end

-- Keeps what attempts say on their way.
-- WORKER (ENTRY RUN STEP ATTEMPT PROGRESS MEMO COST LOG)... Returns as
-- complete. Afterwards: the attempt goes on.
function step.note(p, args)
  check_items(args, 8)
  local batch = batch_new(p)
  local answer = {}
  for i = 2, #args, 8 do
    local at, why = read_held(batch, args[1], args[i + 1], args[i + 2], args[i],
      args[i + 3], nil)
    if at then
      note_one(p, at, args[i + 4], args[i + 5], args[i + 6], args[i + 7])
    end
    answer[#answer + 1] = at and 'COMMITTED' or why
  end
  batch_end(batch)
  return answer
end

