-- Ending attempts well: treadle_complete, the instant of commitment.

-- What an item of complete offers: that its worker goes on with a successor
-- right away. That one, the heir, is running from the start, under the entry
-- of the step before it: no queue lies between them, nobody reads or takes.
-- One table serves all items of a call.

-- Whether Redis has memory left, as of a moment ago. What ends steps is done
-- without, but nothing may begin then. Who may not ask gets a cautious no.
local memory = { asked_at = 0, is_left = true, is_plenty = true }
local MEMORY_MS = 100
local PLENTY = 0.75 -- of it may be used while there is plenty left

local function has_memory(now)
  if now < memory.asked_at or now >= memory.asked_at + MEMORY_MS then
    local info = redis.pcall('INFO', 'memory')
    local used, max = string.match(info.err and '' or info,
      'used_memory:(%d+).*\nmaxmemory:(%d+)')
    local share = max == '0' and 0 or
      max and tonumber(used) / tonumber(max) or 1
    memory.asked_at = now
    memory.is_left, memory.is_plenty = share < 1, share < PLENTY
  end
  return memory.is_left
end

function memory.has_plenty(now)
  has_memory(now)
  return memory.is_plenty
end

-- Whether this item may have an heir: `is_open`; `name` will be the one it got.
local function offer_heir(offer, queue, entry, kind)
  if offer.may_begin == nil then
    offer.may_begin = is_live(offer.p, offer.worker) and has_memory(offer.now)
  end
  if offer.paused[queue] == nil then
    offer.paused[queue] =
      call('SISMEMBER', offer.p .. 'paused', queue) == 1
  end
  offer.is_open = offer.may_begin and not offer.paused[queue]
  offer.queue, offer.entry, offer.kind = queue, entry, kind
end

-- The answer to a commit repeated after a lost reply: the heir is told again,
-- if it still is with this worker.
local function answer_again(answer, p, entry, id, name, digest, offer)
  local n, graph = #answer + 1, definition.get(p, digest)
  answer[n] = 'DUPLICATE'
  local heir, text
  if graph then
    heir, text = step.heir(p, id, graph, name, entry)
  end
  local _, attempt, recoveries, _, holder = record.read(text)
  if heir and holder == offer.worker then
    answer[n] = 'DUPLICATE ' .. heir
    add_later(answer, p, id, p .. 'run:' .. id, heir, digest,
      graph.steps[heir], attempt, recoveries)
  end
end

-- Commits one checkpoint, args[i] to args[i + 6], and adds what became of it
-- to the answer. Returns whether it was committed.
local function complete_one(batch, answer, args, i, offer)
  local p = batch.p
  local queue, entry, id, name, attempt =
    args[i], args[i + 1], args[i + 2], args[i + 3], args[i + 4]
  local key = p .. 'run:' .. id
  local v = call('HMGET', key, 'state', 'def', 'step:' .. name)
  local text = v[3]
  local started = record.held_since(text, entry, attempt, offer.worker)
  local how, source = args[i + 6]
  if #how > 4 then
    how, source = string.match(how, '^([01]) (.+)$')
  end
  local is_skipped = how == 'skip'
  if not started then
    local why = v[1] and refusal(batch, id, name, text, entry,
      is_skipped and 'skipped' or 'done', tonumber(attempt)) or 'GONE'
    if why == 'DUPLICATE' and how == '1' then
      answer_again(answer, p, entry, id, name, v[2], offer)
    else
      answer[#answer + 1] = why
    end
    return false
  end
  local graph = definition.get(p, v[2])
  if not graph then
    answer[#answer + 1] = 'GONE'
    return false
  end
  local of = graph.steps[name]
  offer.is_open, offer.name = false, nil
  if of.base or of.each and not is_skipped then
    answer[#answer + 1] = each.complete(offer, queue,
      step.held_by(id, name, graph, text, v[1]), args[i + 5])
    return of.base ~= nil
  end
  if how == '1' then
    offer_heir(offer, queue, entry, of.kind)
  end
  if is_skipped then
    count(batch, 'steps_skipped')
  else
    call('HSET', p .. 'out:' .. id, name, args[i + 5])
  end
  settle_step(offer, id, key, graph, name,
    record.ended(is_skipped and 'skipped' or 'done', text, started, offer.now),
    v[1], source and 'cached:' .. name, source)
  if of.kind ~= 'pass' then
    call('HDEL', p .. 'out:' .. id, '.memo:' .. name)
    call('HDEL', key, 'progress:' .. name)
  end
  if of.rounds then
    call('HDEL', p .. 'out:' .. id, '.last:' .. name)
  end
  if not offer.name then
    finish_entry(batch, queue, entry)
    answer[#answer + 1] = 'COMMITTED'
    return not is_skipped
  end
  local heir = graph.steps[offer.name]
  answer[#answer + 1] = heir.inherited
  add_first(answer, p, id, key, offer.name, v[2], heir)
  return true
end

-- Commits checkpoints, and queues the steps that are now ready.
-- WORKER (QUEUE ENTRY RUN STEP ATTEMPT OUTPUT HEIR)... HEIR is 1 if the worker
-- would go on with a successor at once, else 0; behind either may stand " <run>/
-- <step>", whose output the cache gave for this one. Or it is `skip`, where the
-- step's condition does not hold: it has no output then. Returns the time, then
-- for each COMMITTED; DUPLICATE (this very attempt had been: the reply was
-- lost); FENCED (somebody else owns the step); CANCELLED; GONE (there is no
-- such run). With an heir it is "COMMITTED <its step>" or "DUPLICATE <its
-- step>", and behind it stands the item of take.
-- Afterwards, if COMMITTED: the output never changes; successors whose needs
-- are met are ready, but for the heir, which is running under the entry; a run
-- without steps left is done; without an heir the entry is gone.
function step.complete(p, args)
  check_items(args, 7)
  local now, now_text = clock()
  local batch = batch_new(p)
  local offer = settling_new(batch, now, now_text)
  offer.worker, offer.paused = args[1], {}
  offer.ending = ' ' .. args[1] .. ' ' .. now_text
  local answer, done = { now }, 0
  for i = 2, #args, 7 do
    if complete_one(batch, answer, args, i, offer) then
      done = done + 1
    end
  end
  each.settle(offer)
  if done > 0 then
    count(batch, 'steps_done', done)
  end
  batch_end(batch)
  return answer
end
