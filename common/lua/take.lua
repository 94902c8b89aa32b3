-- Beginning attempts: treadle_take.

-- An item of the answer: the digest of the definition; the counts, "<attempt>
-- <attempts that don't count> <recoveries> <generation> <texts that follow>";
-- and these, what the step reads: memo, input, output of each step before it,
-- and where it is repeated what its last round has left.
-- The items stand in the answer one behind the other, since a list for each
-- would cost 4000 instructions.

-- HGET for each, because the reply of an HMGET costs Lua more than the calls
-- it saves.
local function add_reads(answer, p, run_id, key, name, of, memo)
  local n = #answer
  answer[n + 1] = memo
  answer[n + 2] = of.input and run.input(p, run_id, key) or false
  local out = of.reads[1] and p .. 'out:' .. run_id
  for i = 1, #of.reads do
    answer[n + 2 + i] = call('HGET', out, of.reads[i])
  end
  if of.rounds then
    answer[#answer + 1] =
      call('HGET', p .. 'out:' .. run_id, '.last:' .. name)
  end
end

-- Of an item of a list, that item, behind all else.
local function add_item(answer, p, run_id, name, of)
  answer[#answer + 1] = call('LINDEX', p .. 'items:' .. run_id .. '/' ..
    of.base, string.match(name, '%d+$'))
end

-- Adds the item of a first attempt of which nothing is to be remembered.
local function add_first(answer, p, run_id, key, name, digest, of)
  local n = #answer
  answer[n + 1], answer[n + 2] = digest, of.counts
  if of.texts > 0 then
    add_reads(answer, p, run_id, key, name, of, false)
  end
  if of.base then
    add_item(answer, p, run_id, name, of)
  end
end

-- Adds that of any other attempt, with what earlier tries have left.
local function add_later(answer, p, run_id, key, name, digest, of, attempt,
    recoveries)
  local again = call('HGET', key, 'again:' .. name)
  local base, generation = string.match(again or '0 0', '^(%d+) (%d+)$')
  local n = #answer
  answer[n + 1] = digest
  answer[n + 2] = attempt .. ' ' .. base .. ' ' .. recoveries .. ' ' ..
    generation .. ' ' .. of.all_texts
  add_reads(answer, p, run_id, key, name, of,
    call('HGET', p .. 'out:' .. run_id, '.memo:' .. name))
  if of.base then
    add_item(answer, p, run_id, name, of)
  end
end

local SUSPECT_AFTER = 3 -- recoveries; fewer where a step may have fewer
local PUT_OFF_MS = 1000 -- until a suspect is offered again

-- A step whose workers keep vanishing may be what ends them, and those that
-- ran beside it look just like it. So a worker performs one such suspect at
-- a time: the next loss is that of one, and the others are cleared.
-- Returns whether another one runs there; if none does, it is this one now.
local function has_suspect(p, id, entry, run_id, name)
  local key = p .. 'worker:' .. id
  local other_entry, other_run, other_name = string.match(
    call('HGET', key, 'suspect') or '', '^(%S+) ([^/]+)/(.+)$')
  if other_run then
    local state, _, _, at, holder = record.read(
      call('HGET', p .. 'run:' .. other_run, 'step:' .. other_name))
    if state == 'running' and at == other_entry and holder == id then
      return true
    end
  end
  call('HSET', key, 'suspect', entry .. ' ' .. run_id .. '/' .. name)
  return false
end

local function is_suspect(recoveries, limit)
  return recoveries > 0 and recoveries >= math.min(SUSPECT_AFTER, limit)
end

-- The step waits a little; nothing is counted.
local function put_off(batch, queue, entry, run_id, name, text, now)
  local p = batch.p
  finish_entry(batch, queue, entry)
  call('HSET', p .. 'run:' .. run_id, 'step:' .. name,
    'delayed' .. string.match(text, '^ready( %d+ %d+ %S+)'))
  run.schedule(p, run_id .. '/' .. name, text_of(tonumber(now) + PUT_OFF_MS))
  return 'DROPPED'
end

-- The step runs at another worker. If its entry was delivered to this one all
-- the same, a power cut has taken back that the other one had it: neither
-- keeps it, for who dies with it must be who holds the entry.
local function take_from_other(batch, id, queue, entry, run_id, name, now)
  local pending = redis.pcall('XPENDING', batch.p .. 'queue:' .. queue, GROUP,
    entry, entry, 1, id)
  if #pending > 0 then
    step.put_back(batch, queue, entry, run_id, name, false, now)
  end
  return 'DROPPED'
end

-- Begins an attempt that is not the plain first one, or finds it begun by
-- this very worker (its reply was lost). Returns as take_one.
local function take_later(batch, answer, id, queue, entry, run_id, name, text,
    now)
  local p = batch.p
  local key = p .. 'run:' .. run_id
  local v = call('HMGET', key, 'state', 'def')
  local state, attempt, recoveries, at, holder, started = record.read(text)
  if at == entry and PASSED[state] then
    -- Who has an heir knows it from complete: nobody performs this one.
    step.put_back(batch, queue, entry, run_id, name, false, now)
    return 'DROPPED'
  elseif at == entry and state == 'running' and holder ~= id then
    return take_from_other(batch, id, queue, entry, run_id, name, now)
  end
  local is_begun = state == 'running' and holder == id
  local graph = at == entry and (state == 'ready' or is_begun) and
    run_state.read(v[1]) == 'running' and definition.get(p, v[2])
  if not graph and at ~= entry then
    drop_entry(batch, queue, entry)
    return 'DROPPED'
  elseif not graph then
    finish_entry(batch, queue, entry)
    if is_begun then -- its run is over, and it never ran
      call('HSET', key, 'step:' .. name,
        record.ended('cancelled', text, started, now))
    end
    return 'DROPPED'
  end
  if not is_begun then
    if is_suspect(recoveries, graph.steps[name].recoveries) and
        has_suspect(p, id, entry, run_id, name) then
      return put_off(batch, queue, entry, run_id, name, text, now)
    end
    attempt = attempt + 1
    call('HSET', key, 'step:' .. name,
      record.running(attempt, recoveries, entry, id, now))
    count(batch, 'attempts')
  end
  add_later(answer, p, run_id, key, name, v[2], graph.steps[name], attempt,
    recoveries)
end

-- Begins one attempt: adds its item to the answer, or returns the word that
-- stands for it. A step is ready only while its run is running, so the record
-- alone says that it may begin.
local function take_one(batch, answer, id, queue, entry, run_id, name, now)
  local p = batch.p
  local key, field = p .. 'run:' .. run_id, 'step:' .. name
  local text = call('HGET', key, field)
  if text ~= 'ready 0 0 ' .. entry then
    return take_later(batch, answer, id, queue, entry, run_id, name, text,
      now)
  end
  local digest = call('HGET', key, 'def')
  local graph = digest and definition.get(p, digest)
  if not graph then
    finish_entry(batch, queue, entry)
    return 'DROPPED'
  end
  call('HSET', key, field, 'running 1 0 ' .. entry .. ' ' .. id .. ' ' .. now)
  count(batch, 'attempts')
  add_first(answer, p, run_id, key, name, digest, graph.steps[name])
end

-- Begins attempts at entries that XREADGROUP delivered.
-- WORKER (QUEUE ENTRY RUN STEP)... Returns the time, then for each an item, or
-- a word: DROPPED (not current, or put off: the entry is gone), PAUSED (its
-- queue is: the step is back in it), LOST (the worker is: nothing has happened).
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
    local word
    if is_lost then
      word = 'LOST'
    elseif paused[queue] then
      step.put_back(batch, queue, args[i + 1], args[i + 2], args[i + 3], false,
        now)
      word = 'PAUSED'
    else
      word = take_one(batch, answer, id, queue, args[i + 1], args[i + 2],
        args[i + 3], now_text)
    end
    answer[#answer + 1] = word
  end
  batch_end(batch)
  return answer
end

