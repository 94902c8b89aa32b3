-- for_each, looked at and tried again: what each.lua has left.

do -- what has a name below is of this file alone

-- Performs again what had not ended of a step that was stopped. `reset` clears
-- what is known of an item's tries, and returns how many there were.
function each.resume(p, id, of, name, reset)
  local graph = of.graph
  local step_of, c = graph.steps[name], read_counts(of['items:' .. name])
  for _, item in ipairs(live_items(of, graph, name)) do
    if not run.is_at_work(step_of.item, of['step:' .. item]) then
      run.requeue(p, id, item, step_of.queue, reset(p, id, of, item), 0)
    end
  end
  local _, attempt, recoveries, entry, worker, started =
    record.read(of['step:' .. name])
  local fields = { 'step:' .. name, record.spread(
    record.running(attempt, recoveries, entry, worker, started)) }
  c.is_again = true
  begin_items(p, id, name, step_of, c, BEGIN_MAX, fields)
  call('HSET', p .. 'run:' .. id, unpack(fields))
end

-- Whether this is an item that has ended: it has no record any more.
function step.has_ended(p, id, name, text)
  local base, index = string.match(name, '^([^/]+)/(%d+)$')
  local result = not text and base and
    call('LINDEX', each.list_key(p, 'results', id, base), index)
  return result and result ~= BLANK
end

-- The lists of a step and how far it was.
function each.remove(p, id, name)
  call('UNLINK', each.list_key(p, 'items', id, name),
    each.list_key(p, 'results', id, name))
  call('HDEL', p .. 'run:' .. id, 'items:' .. name)
end

-- All that was done for the items of a step is to be done anew. of: the run.
function run.discard_items(p, id, of, graph, name)
  for _, item in ipairs(live_items(of, graph, name)) do
    if of['dead:' .. item] then
      call('XDEL', p .. 'dead', of['dead:' .. item])
    end
  end
  forget_items(p, id, of, graph, name)
  each.remove(p, id, name)
end

function each.is_running(of, name)
  for _, item in ipairs(of['items:' .. name] and
      live_items(of, of.graph, name) or {}) do
    if run.is_at_work(of.graph.steps[item], of['step:' .. item]) then
      return true
    end
  end
  return false
end

-- What an item that has ended leaves for its next try, should an operator want
-- one: if it failed, its key of idempotency.
function each.keep_generation(key, item, how)
  local generation = how == 'failed' and
    each.generation(call('HGET', key, 'again:' .. item)) or 0
  if generation > 0 then
    call('HSET', key, 'again:' .. item, '0 ' .. generation)
  else
    call('HDEL', key, 'again:' .. item)
  end
end

-- One item that has ended is to be performed again, with a key of idempotency
-- of its own if it was done. Changes `of` as well. One that has not is begun
-- with all that is left of its step.
function each.reopen(p, id, of, name, item)
  if of['step:' .. item] then
    return
  end
  local key, index = p .. 'run:' .. id, each.index(item)
  local results = each.list_key(p, 'results', id, name)
  local result = call('LINDEX', results, index)
  local c = read_counts(of['items:' .. name])
  if not result or result == BLANK or not c then
    complain('CONFLICT', 'there is no item %s that has ended', item)
  end
  local how = string.sub(result, 1, 1) == FAILED and 'failed' or 'done'
  c[how] = c[how] - 1
  call('LSET', results, index, BLANK)
  call('HDEL', p .. 'out:' .. id, name)
  if how == 'failed' then
    child.take_back(p, id, item, result)
  end
  if how == 'done' then
    local again = of['again:' .. name] or '0 0'
    local generation = each.generation(again) + 1
    call('HSET', key, 'again:' .. item, '0 ' .. generation,
      'again:' .. name, string.match(again, '^%d+ ') .. generation)
  end
  run.requeue(p, id, item, of.graph.steps[name].queue, 0, 0)
  of['items:' .. name] = counts_text(c)
end

local PART_BYTES = 1048576 -- in one answer of results, about
local PART_ITEMS = 1000
local PART_STEP = 20

-- What came of the items of a step that is done, from number FIRST on.
-- RUN STEP FIRST. Returns a list, empty at the end: of each item its output,
-- or an empty text if it failed and that was tolerated.
function each.results(p, args)
  local key = each.list_key(p, 'results', args[1] or '', args[2] or '')
  local first = to_number(args[3] or '', 'FIRST')
  local out, bytes = {}, 0
  repeat
    local part = call('LRANGE', key, first + #out, first + #out + PART_STEP - 1)
    for _, result in ipairs(part) do
      bytes = bytes + #result
      out[#out + 1] = string.sub(result, 1, 1) == FAILED and '' or result
    end
  until #part < PART_STEP or bytes >= PART_BYTES or #out >= PART_ITEMS
  return out
end

end

