-- The life of a step, between READY and its end. All calls carry batches;
-- what they have in common is gathered and said once (batch_end).
--
-- The fence: a caller owns a step exactly while the step's record is
-- `running` with the caller's entry and attempt. Reclaim, release and defer
-- give the step another entry, so that whoever held the old one can't end it.
--
-- take and complete are the hot path. What they cost was measured call by
-- call: they read a run once, match one pattern at most, write once, make no
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

-- --- take ------------------------------------------------------------------

-- What a step reads, put behind the item: HGET for each, because the reply of
-- an HMGET costs Lua more than the calls it saves.
local function add_reads(p, run_id, of, item)
  local key = p .. 'out:' .. run_id
  item[4] = of.input and call('HGET', key, '.input')
  for i = 1, #of.reads do
    item[4 + i] = call('HGET', key, of.reads[i])
  end
end

-- The item of a first attempt of which nothing is to be remembered.
local function first_item(p, run_id, digest, of)
  local item = { digest, '1 0 0 0' }
  if of.input or of.reads[1] then
    item[3] = false
    add_reads(p, run_id, of, item)
  end
  return item
end

-- The item of any other attempt, with what earlier tries have left.
local function later_item(p, run_id, name, digest, of, attempt, recoveries)
  local again = call('HGET', p .. 'run:' .. run_id, 'again:' .. name)
  local base, generation = string.match(again or '0 0', '^(%d+) (%d+)$')
  local item = { digest,
    attempt .. ' ' .. base .. ' ' .. recoveries .. ' ' .. generation,
    call('HGET', p .. 'out:' .. run_id, '.memo:' .. name) }
  add_reads(p, run_id, of, item)
  return item
end

-- Begins an attempt that is not the plain first one, or finds it begun by
-- this very worker (its reply was lost). Returns the item of the answer.
local function take_later(batch, id, queue, entry, run_id, name, v, graph, now)
  local p = batch.p
  local state, attempt, recoveries, at, holder = record.read(v[3])
  local is_begun = state == 'running' and holder == id
  if at ~= entry or not (state == 'ready' or is_begun) then
    finish_entry(batch, queue, entry)
    return 'DROPPED'
  end
  if not is_begun then
    attempt = attempt + 1
    call('HSET', p .. 'run:' .. run_id, 'step:' .. name,
      record.running(attempt, recoveries, entry, id, now))
    count(batch, 'attempts')
  end
  return later_item(p, run_id, name, v[2], graph.steps[name], attempt,
    recoveries)
end

-- Begins one attempt. Returns the item of the answer.
local function take_one(batch, id, queue, entry, run_id, name, now)
  local p = batch.p
  local key, field = p .. 'run:' .. run_id, 'step:' .. name
  local v = call('HMGET', key, 'state', 'def', field)
  local graph = v[1] and string.sub(v[1], 1, 8) == 'running ' and
    definition.get(p, v[2])
  local of = graph and graph.steps[name]
  if not of then
    finish_entry(batch, queue, entry)
    return 'DROPPED'
  elseif v[3] ~= 'ready 0 0 ' .. entry then
    return take_later(batch, id, queue, entry, run_id, name, v, graph, now)
  end
  call('HSET', key, field, 'running 1 0 ' .. entry .. ' ' .. id .. ' ' .. now)
  count(batch, 'attempts')
  return first_item(p, run_id, v[2], of)
end

-- Begins attempts at entries that XREADGROUP delivered.
-- WORKER (QUEUE ENTRY RUN STEP)... Returns [now, item...]; an item is
-- DROPPED (not current: the entry is gone), PAUSED (its queue is: the step is
-- back in it), LOST (the worker is: nothing has happened), or [digest,
-- "<attempt> <attempts that don't count> <recoveries> <generation>", memo,
-- input, output of each step that it reads...], without what is not read.
-- Afterwards: what is not DROPPED, PAUSED or LOST is running, by this worker.
function step.take(p, args)
  check_items(args, 4)
  local id, now, now_text = args[1], clock()
  local answer = { now }
  local is_lost = not is_live(p, id)
  local paused = {}
  local batch = batch_new(p)
  for i = 2, #args, 4 do
    local queue = args[i]
    if paused[queue] == nil then
      paused[queue] = call('SISMEMBER', p .. 'paused', queue) == 1
    end
    if is_lost then
      answer[#answer + 1] = 'LOST'
    elseif paused[queue] then
      step.put_back(batch, queue, args[i + 1], args[i + 2], args[i + 3], false,
        now)
      answer[#answer + 1] = 'PAUSED'
    else
      answer[#answer + 1] = take_one(batch, id, queue, args[i + 1],
        args[i + 2], args[i + 3], now_text)
    end
  end
  batch_end(batch)
  return answer
end

-- --- the fence -------------------------------------------------------------

local HELD = '^running (%d+) (%d+) (%S+) (%S+) (%d+)$'

-- Why one who says he holds a step does not. ended_as, attempt: the state
-- that this very attempt may have been put in already, and its number then.
local function refusal(batch, text, entry, ended_as, attempt)
  local state, made, _, at = record.read(text)
  if at == entry and state == ended_as and made == attempt then
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
local function read_held(batch, run_id, name, entry, attempt, ended_as,
    counted)
  local v = call('HMGET', batch.p .. 'run:' .. run_id, 'state', 'def',
    'step:' .. name)
  local text = v[3]
  if not v[1] then
    return nil, 'GONE'
  end
  local made, recoveries, held, worker, started =
    string.match(text or '', HELD)
  if held ~= entry or made ~= attempt then
    return nil, refusal(batch, text, entry, ended_as,
      counted or tonumber(attempt))
  end
  local graph = definition.get(batch.p, v[2])
  if not graph then
    return nil, 'GONE'
  end
  return { id = run_id, name = name, graph = graph, text = text,
    attempt = made, recoveries = recoveries, worker = worker,
    started = started, is_run_running = run_state.read(v[1]) == 'running' }
end

-- --- complete --------------------------------------------------------------

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

-- --- fail ------------------------------------------------------------------

-- The record says `state` from now on, and how long the attempt took.
local function end_record(batch, at, state, now)
  call('HSET', batch.p .. 'run:' .. at.id, 'step:' .. at.name,
    record.ended(state, at.text, at.started, now))
end

-- The step leaves its worker: for the delayed set until `due` or, where its
-- run has failed elsewhere meanwhile, for good.
local function put_aside(batch, at, due, now, counter)
  if not at.is_run_running then
    return end_record(batch, at, 'cancelled', now)
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
    run.bury(batch, at, failure, now)
  else
    put_aside(batch, at, now + wait, now, 'retries')
  end
end

-- Ends attempts without success.
-- WORKER (QUEUE ENTRY RUN STEP ATTEMPT DELAY_MS CLASS CODE DETAIL LOG)...
-- DELAY_MS -1: never again. Returns as complete.
-- Afterwards, if COMMITTED: the step is delayed, or dead and its run failed.
function step.fail(p, args)
  check_items(args, 10, 5, 7)
  local now = clock()
  local batch = batch_new(p)
  local answer = {}
  for i = 2, #args, 10 do
    local wait = tonumber(args[i + 5])
    local at, why = read_held(batch, args[i + 2], args[i + 3], args[i + 1],
      args[i + 4], wait < 0 and 'dead' or 'delayed')
    if at then
      local failure = { class = args[i + 6], code = args[i + 7],
        detail = args[i + 8] }
      fail_one(batch, at, wait, failure, args[i + 9], now)
      finish_entry(batch, args[i], args[i + 1])
    end
    answer[#answer + 1] = at and 'COMMITTED' or why
  end
  batch_end(batch)
  return answer
end

-- --- defer, release, note --------------------------------------------------

-- Puts steps aside until a time, without counting an attempt.
-- WORKER (QUEUE ENTRY RUN STEP ATTEMPT DUE_AT MEMO)... Returns as complete.
-- Afterwards, if COMMITTED: the step is delayed; its next try gets MEMO.
function step.defer(p, args)
  check_items(args, 7, 4, 5)
  local now = clock()
  local batch = batch_new(p)
  local answer = {}
  for i = 2, #args, 7 do
    local at, why = read_held(batch, args[i + 2], args[i + 3], args[i + 1],
      args[i + 4], 'delayed', tonumber(args[i + 4]) - 1)
    if at then
      if args[i + 6] ~= '' then
        call('HSET', p .. 'out:' .. at.id, '.memo:' .. at.name, args[i + 6])
      end
      at.text = record.running(at.attempt - 1, at.recoveries, args[i + 1],
        at.worker, at.started)
      put_aside(batch, at, tonumber(args[i + 5]), now, 'deferrals')
      finish_entry(batch, args[i], args[i + 1])
    end
    answer[#answer + 1] = at and 'COMMITTED' or why
  end
  batch_end(batch)
  return answer
end

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
    run.bury(batch, at, failure, now)
    return 'dead'
  end
  run.requeue(p, at.id, at.name, queue, at.attempt - 1, at.recoveries + 1)
  count(batch, 'recoveries')
  return 'recovered'
end

-- Puts one entry back in its queue under a new id, if it is still current.
-- Returns 'returned', 'recovered', 'dead' or nil; with is_lost an attempt
-- that had begun counts as a recovery.
function step.put_back(batch, queue, entry, run_id, name, is_lost, now)
  local p = batch.p
  local v = call('HMGET', p .. 'run:' .. run_id, 'state', 'def',
    'step:' .. name)
  local state, attempt, recoveries, held, worker, started = record.read(v[3])
  finish_entry(batch, queue, entry)
  local graph = held == entry and (state == 'ready' or state == 'running') and
    definition.get(p, v[2])
  if not graph then
    return nil
  end
  local at = { id = run_id, name = name, graph = graph, text = v[3],
    attempt = attempt, recoveries = recoveries, worker = worker,
    started = started, is_run_running = run_state.read(v[1]) == 'running' }
  if not at.is_run_running then
    end_record(batch, at, 'cancelled', now)
    return nil
  elseif is_lost and state == 'running' then
    return recover(batch, at, queue, now)
  end
  run.requeue(p, run_id, name, queue,
    state == 'running' and attempt - 1 or attempt, recoveries)
  return 'returned'
end

-- Hands steps back that were delivered, begun or not; no attempt and no
-- recovery is counted. WORKER (QUEUE ENTRY RUN STEP)... Returns COMMITTED, or
-- FENCED where the caller had lost the step already.
-- Afterwards: the step is ready under a new entry, the old one is gone.
function step.release(p, args)
  check_items(args, 4)
  local now = clock()
  local batch = batch_new(p)
  local answer = {}
  for i = 2, #args, 4 do
    local done = step.put_back(batch, args[i], args[i + 1], args[i + 2],
      args[i + 3], false, now)
    if done then
      count(batch, 'releases')
    end
    answer[#answer + 1] = done and 'COMMITTED' or 'FENCED'
  end
  batch_end(batch)
  return answer
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
    local at, why = read_held(batch, args[i + 1], args[i + 2], args[i],
      args[i + 3], nil)
    if at then
      note_one(p, at, args[i + 4], args[i + 5], args[i + 6], args[i + 7])
    end
    answer[#answer + 1] = at and 'COMMITTED' or why
  end
  batch_end(batch)
  return answer
end

