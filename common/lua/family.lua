-- Children, too: mending, looking, forgetting.

do -- what has a name below is of this file alone

local FAMILY_MAX = 100 -- runs that one call of forget or dead looks at

-- Lists a run of that state among the children, if it is a running one. Returns
-- how many entries that changed.
function child.place(p, id, of, state)
  if state ~= 'running' or not of.parent then
    return call('HDEL', p .. 'children', id)
  elseif call('HGET', p .. 'children', id) == of.parent then
    return 0
  end
  call('HSET', p .. 'children', id, of.parent)
  return 1
end

-- A step that is parked: its child may be gone, or over. Returns whether that
-- was so; of: the fields of the step's run.
function child.look_after(batch, run_id, name, of, now)
  local p, id = batch.p, of['child:' .. name]
  local text = id and call('HGET', p .. 'run:' .. id, 'state')
  if text and run_state.read(text) == 'running' then
    return false
  elseif text then
    child.ended(batch, id, run_id .. '/' .. name, now)
    return true
  end
  local _, attempt, recoveries = record.read(of['step:' .. name])
  call('HDEL', p .. 'run:' .. run_id, 'waits:' .. name, 'child:' .. name)
  run.requeue(p, run_id, name, of.queue, attempt - 1, recoveries)
  return true
end

-- An item that had failed is to be tried again: it has back the run that it
-- waited for, if that is there. result: what came of the item.
function child.take_back(p, run_id, item, result)
  local is_known, why = pcall(cmsgpack.unpack, string.sub(result, 2))
  local id = is_known and why.child
  if id and call('HGET', p .. 'run:' .. id, 'parent') ==
      run_id .. '/' .. item then
    call('HSET', p .. 'run:' .. run_id, 'child:' .. item, id)
    call('ZREM', p .. 'finished', id)
  end
end

-- A run, then the finished ones below it: those of its steps, and of theirs.
function child.family(p, id)
  local ids, i = { id }, 1
  while ids[i] do
    for field, other in pairs((run.read(p, ids[i]))) do
      if string.sub(field, 1, 6) == 'child:' and #ids < FAMILY_MAX and
          call('HEXISTS', p .. 'run:' .. other, 'finished_at') == 1 then
        ids[#ids + 1] = other
      end
    end
    i = i + 1
  end
  return ids
end

-- JSON of the run that a step waits for, or waited for; nil for none.
function child.json(p, id)
  local v = id and call('HMGET', p .. 'run:' .. id, 'state', 'def')
  local graph = v and v[1] and definition.get(p, v[2])
  if not graph then
    return id and json.object('run', json.text(id))
  end
  local state, left = run_state.read(v[1])
  return json.object('run', json.text(id), 'state', json.text(state),
    'left', json.number(left), 'total', json.number(graph.total))
end

end
