-- for_each: a step that is performed for each item of a list.
--
-- The step itself is taken like any other. Its worker evaluates the list, keeps
-- the items (treadle_expand, in parts) and completes it: then it is `spread`,
-- in no queue, and its items are steps of their own, `<step>/<index>`, with
-- record, entry, attempts and dead letters like all others. At most `max` of
-- them are there at a time: where one ends, the next begins. One that has ended
-- leaves its result and nothing else. With the last the step is done.
--
--   :items:<run>/<step>    list: the items, msgpack
--   :results:<run>/<step>  list, as long: BLANK, an output, or FAILED and why
--   items:<step>           field of the run: "<total> <begun> <done> <failed>"

local each = {}

local ITEMS_MAX = 1000000
local BEGIN_MAX = 200 -- items begun in one call
local BEGIN_NEXT = 2  -- items begun when one has ended: the window fills up

-- Stands for the result of an item that has none. As long as this, because
-- Redis walks the elements of a piece of a list, and a piece has 8 KiB.
local BLANK = '                                        '
local FAILED = '\193' -- in front of a failure; no msgpack begins so
local BLANKS = {}
for i = 1, UNPACK_MAX do BLANKS[i] = BLANK end

local function read_counts(text)
  local total, begun, done, failed =
    string.match(text or '', '^(%d+) (%d+) (%d+) (%d+)$')
  return total and { total = tonumber(total), begun = tonumber(begun),
    done = tonumber(done), failed = tonumber(failed) }
end

local function counts_text(c)
  return table.concat({ c.total, c.begun, c.done, c.failed }, ' ')
end

function each.list_key(p, what, id, name)
  return p .. what .. ':' .. id .. '/' .. name
end

function each.index(item)
  return string.match(item, '%d+$')
end

-- What keys of idempotency end with, by a field `again:<step>`. That of a step
-- is the greatest of its items', so each that begins later has a new one.
function each.generation(again)
  return tonumber(string.match(again or '', ' (%d+)$')) or 0
end

-- Begins items while there is room, at most `most`. `fields` gathers what
-- changes in the run's hash. c.is_again: its run was retried.
local function begin_items(p, id, name, of, c, most, fields)
  local queue, n = p .. 'queue:' .. of.queue, #fields
  local room = math.min(of.each.max - (c.begun - c.done - c.failed),
    c.total - c.begun, most)
  local generation = c.is_again and
    each.generation(call('HGET', p .. 'run:' .. id, 'again:' .. name)) or 0
  for i = c.begun, c.begun + room - 1 do
    local item = name .. '/' .. text_of(i)
    fields[n + 1] = 'step:' .. item
    fields[n + 2] = record.ready(0, 0, run.enqueue(queue, id, item),
      generation > 0)
    n = n + 2
    if generation > 0 then
      fields[n + 1], fields[n + 2] = 'again:' .. item, '0 ' .. generation
      n = n + 2
    end
  end
  c.begun = c.begun + math.max(0, room)
  fields[n + 1], fields[n + 2] = 'items:' .. name, counts_text(c)
end

-- Redis walks through a small hash to find a field, but not through one that
-- ever held a long value.
local function keep_fast(p, id, records)
  if records > 64 then
    call('HSET', p .. 'run:' .. id, '.', string.rep('.', 65))
    call('HDEL', p .. 'run:' .. id, '.')
  end
end

-- Keeps items of the list that a step is performed for.
-- WORKER QUEUE ENTRY RUN STEP ATTEMPT FIRST ITEM... Returns as complete.
-- Afterwards, if COMMITTED: these are the items from FIRST on; with a FIRST of
-- 0 there are no others. The attempt goes on.
function each.expand(p, args)
  local id, name = args[4], args[5]
  local first = to_number(args[7] or '', 'FIRST')
  local count_new = #args - 7
  if count_new > UNPACK_MAX or first + count_new > ITEMS_MAX then
    complain('USAGE', 'at most %d items in a call, %d in all', UNPACK_MAX,
      ITEMS_MAX)
  end
  local batch = batch_new(p)
  local at, why = read_held(batch, args[1], id, name, args[3], args[6], nil)
  batch_end(batch)
  if not at then
    return why
  end
  local items, results = each.list_key(p, 'items', id, name),
    each.list_key(p, 'results', id, name)
  if first == 0 then -- what an earlier attempt has left goes
    call('UNLINK', items, results)
  end
  local have = first > 0 and call('LLEN', items) or 0
  if have ~= first and have < first + count_new then
    complain('CONFLICT', 'there are %d items, not %d', have, first)
  end
  if have == first and count_new > 0 then
    call('RPUSH', items, unpack(args, 8))
    call('RPUSH', results, unpack(BLANKS, 1, count_new))
  end
  return 'COMMITTED'
end

-- Nothing stays of an item's tries: it would grow with the number of items.
-- attempt, recoveries: the greatest number of each that one may have had.
local function forget_tries(p, id, item, attempt, recoveries)
  local logs = {}
  for i = 1, attempt do
    logs[#logs + 1] = item .. '/' .. i
    logs[#logs + 1] = item .. '/' .. i .. '/log'
    for k = 0, recoveries do
      logs[#logs + 1] = item .. '/' .. i .. '~' .. k
    end
  end
  call_many('HDEL', p .. 'log:' .. id, nil, logs)
  call('HDEL', p .. 'out:' .. id, '.memo:' .. item, '.last:' .. item)
end

-- What an item has cost is added to what its step has.
local function add_cost(key, name, item)
  local v = call('HMGET', key, 'cost:' .. name, 'cost:' .. item)
  if not v[2] then
    return
  end
  local sum = v[1] and cjson.decode(v[1]) or {}
  for what, amount in pairs(cjson.decode(v[2])) do
    sum[what] = (sum[what] or 0) + (tonumber(amount) or 0)
  end
  call('HSET', key, 'cost:' .. name, cjson.encode(sum))
end

-- The items of a step that end in one call, whose counts are read once and
-- written once: s.spreads has one such table for each step, in order.
local function spread_of(s, at)
  local item = at.graph.steps[at.name]
  local spreads = list_of(s, 'spreads')
  local handle = at.id .. '/' .. item.base
  local of = spreads[handle]
  if not of then
    local key = s.p .. 'run:' .. at.id
    of = { id = at.id, key = key, name = item.base, item = item,
      counts = read_counts(call('HGET', key, 'items:' .. item.base)),
      results = each.list_key(s.p, 'results', at.id, item.base), ended = 0 }
    spreads[handle], spreads[#spreads + 1] = of, of
  end
  return of
end

-- The last item has ended: its step is done.
local function end_spread(s, at, of)
  local name, total = of.name, of.counts.total
  local text = call('HGET', of.key, 'step:' .. name)
  local _, _, _, _, _, started = record.read(text)
  call('HSET', s.p .. 'out:' .. of.id, name, cmsgpack.pack(total))
  call('HSET', of.key, 'items:' .. name, counts_text(of.counts))
  count(s.batch, 'steps_done')
  s.is_open, of.ended = false, 0
  settle_step(s, of.id, of.key, at.graph, name,
    record.ended('done', record.unspread(text), started, s.now), at.run_text)
end

-- Where items have ended, others begin: what end_item has left to be written.
function each.settle(s)
  for _, of in ipairs(s.spreads or {}) do
    local at, c, fields = of.at, of.counts, {}
    if of.ended > 0 and at.is_run_running then
      c.is_again = select(3, run_state.read(at.run_text))
      begin_items(s.p, of.id, of.name, at.graph.steps[of.name], c,
        BEGIN_NEXT * of.ended, fields)
      call_many('HSET', of.key, nil, fields)
    elseif of.ended > 0 then
      call('HSET', of.key, 'items:' .. of.name, counts_text(c))
    end
    of.ended = 0
  end
end

-- An item has ended, well or as its workflow tolerates (how: done or failed).
-- at: id, graph, name, text (its record while it ran), run_text. settle() must
-- follow in the same call.
function each.end_item(s, at, result, how)
  local of, item = spread_of(s, at), at.name
  local c, key = of.counts, of.key
  c[how], of.ended, of.at = c[how] + 1, of.ended + 1, at
  call('LSET', of.results, each.index(item), result)
  call('HDEL', key, 'step:' .. item)
  local _, _, is_again = run_state.read(at.run_text)
  -- A retry begins to count recoveries anew, and so does each round.
  local recoveries = (is_again or of.item.rounds) and of.item.recoveries or
    at.recoveries
  if is_again then
    each.keep_generation(key, item, how)
  end
  if how == 'failed' or of.item.kind ~= 'pass' or of.item.rounds or
      at.attempt > 1 or recoveries > 0 then
    forget_tries(s.p, of.id, item, at.attempt, recoveries)
    add_cost(key, of.name, item)
    call('HDEL', key, 'progress:' .. item, 'cost:' .. item)
    if of.item.definition then
      child.let_go(s.p, of.id, item)
    end
  end
  if c.done + c.failed == c.total then
    end_spread(s, at, of)
  elseif at.phase == 'draining' then
    each.settle(s)
    run.close_step(s.batch, of.id, at.graph, item, at.run_text, s.now_text)
  end
end

-- The items of a step that have a record, in order. `of` is the run.
local function live_items(of, graph, name)
  local names = {}
  for field in pairs(of) do
    local item = string.match(field, '^step:(.+)$')
    if item and graph.steps[item] and graph.steps[item].base == name then
      names[#names + 1] = item
    end
  end
  table.sort(names, function(a, b)
    return tonumber(each.index(a)) < tonumber(each.index(b))
  end)
  return names
end

-- The items of a step are nothing any more, but for what they have cost. `of`
-- is the run as it was.
local function forget_items(p, id, of, graph, name)
  local key, fields = p .. 'run:' .. id, {}
  for field in pairs(of) do
    if string.match(field, '^again:(.+)/%d+$') == name then
      fields[#fields + 1] = field
    end
  end
  for _, item in ipairs(live_items(of, graph, name)) do
    for _, what in ipairs({ 'step:', 'progress:', 'cost:', 'dead:' }) do
      fields[#fields + 1] = what .. item
    end
    local _, attempt = record.read(of['step:' .. item])
    forget_tries(p, id, item, attempt + 1, graph.steps[item].recoveries)
    add_cost(key, name, item)
    if graph.steps[item].definition then
      child.let_go(p, id, item)
    end
  end
  call_many('HDEL', key, nil, fields)
end

-- The list of a step is complete, says its worker: its items begin.
local function spread(s, queue, at, output)
  local p, id, name = s.p, at.id, at.name
  local of, total = at.graph.steps[name], tonumber(cmsgpack.unpack(output))
  if call('LLEN', each.list_key(p, 'items', id, name)) ~= total then
    -- Somebody has deleted it: it is evaluated anew.
    step.put_back(s.batch, queue, at.entry, id, name, false, s.now)
    return 'FENCED'
  end
  finish_entry(s.batch, queue, at.entry)
  local c = { total = total, begun = 0, done = 0, failed = 0 }
  if total == 0 then
    call('HSET', p .. 'out:' .. id, name, cmsgpack.pack(0))
    count(s.batch, 'steps_done')
    settle_step(s, id, p .. 'run:' .. id, at.graph, name,
      record.ended('done', at.text, at.started, s.now), at.run_text)
  elseif not at.is_run_running then
    call('HSET', p .. 'run:' .. id, 'items:' .. name, counts_text(c))
    step.end_with_run(s.batch, at, s.now)
  else
    local fields = { 'step:' .. name, record.spread(at.text) }
    c.is_again = select(3, run_state.read(at.run_text))
    begin_items(p, id, name, of, c, BEGIN_MAX, fields)
    call('HSET', p .. 'run:' .. id, unpack(fields))
    keep_fast(p, id, math.min(total, of.each.max))
  end
  return 'COMMITTED'
end

-- A step with items, or an item, is complete. Returns what is to be answered.
function each.complete(s, queue, at, output)
  if at.graph.steps[at.name].each then
    return spread(s, queue, at, output)
  end
  finish_entry(s.batch, queue, at.entry)
  each.end_item(s, at, output, 'done')
  return 'COMMITTED'
end
