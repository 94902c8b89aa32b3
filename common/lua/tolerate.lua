-- for_each, an item fails for good: its step goes on without it, or not.

do -- what has a name below is of this file alone

local function tolerated(of, c)
  return of.each.tolerates or
    math.floor(c.total * (of.each.tolerates_percent or 0) / 100)
end

-- Takes the items of a step out of wherever they are, but for the one that
-- has ended. Returns the run as it was.
local function halt_items(batch, id, graph, name, but, now)
  local of = run.read(batch.p, id)
  for _, item in ipairs(live_items(of, graph, name)) do
    if item ~= but then
      run.halt_step(batch, id, item, of['step:' .. item], graph, now, true)
    end
  end
  return of
end

-- A running item that is not tried again. Its step goes on without it; or
-- fails, as its workflow provides for; or the run does.
function step.give_up_item(batch, at, failure, now)
  local p, graph = batch.p, at.graph
  local key, name = p .. 'run:' .. at.id, graph.steps[at.name].base
  local of = graph.steps[name]
  local v = call('HMGET', key, 'items:' .. name, 'step:' .. name)
  local c = read_counts(v[1])
  if at.is_run_running and c.failed < tolerated(of, c) then
    failure.child = of.definition and call('HGET', key, 'child:' .. at.name)
    local s = settling_new(batch, now, text_of(now))
    each.end_item(s, at, FAILED .. step.pack_failure(at, failure), 'failed')
    each.settle(s)
    count(batch, 'tolerated')
  elseif at.is_run_running and step.provides_for(of, failure) then
    forget_items(p, at.id, halt_items(batch, at.id, graph, name, at.name, now),
      graph, name)
    each.remove(p, at.id, name)
    step.give_up(batch, step.held_by(at.id, name, graph,
      record.unspread(v[2]), at.run_text), failure, now)
  else
    if at.phase == 'cleaning' then
      halt_items(batch, at.id, graph, name, at.name, now)
      run.halt_step(batch, at.id, name, v[2], graph, now, true)
    end
    run.bury(batch, at, failure, now)
  end
end

end
