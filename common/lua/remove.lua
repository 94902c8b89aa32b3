-- Operators, too: what they remove, forget and drop; pause and resume.

-- Removes a finished run and all that is of it, its children too, a hundred
-- runs at most: what is left then goes after its time. RUN [ONCE]. Returns
-- JSON: run.
control.forget = once(function(p, args)
  local id = args[1]
  local state = call('HGET', p .. 'run:' .. (id or ''), 'state')
  if not state then
    complain('ABSENT', 'there is no run %s (see: treadle list)', id or '')
  elseif run_state.read(state) == 'running' then
    complain('CONFLICT', 'run %s is still running: cancel it first', id)
  end
  local batch, now = batch_new(p), clock()
  for _, other in ipairs(child.family(p, id)) do
    run.remove(batch, other, now)
  end
  batch_end(batch)
  return json.object('run', json.text(id))
end)

-- Removes a dead letter; its run stays, failed. ENTRY [ONCE]. Returns JSON:
-- entry, run, step.
control.drop = once(function(p, args)
  local entry = args[1] or ''
  if not string.match(entry, '^%d+%-%d+$') then
    complain('USAGE', 'a dead letter is named by its entry, as 1732243342123-0')
  end
  local found = call('XRANGE', p .. 'dead', entry, entry)[1]
  if not found then
    complain('ABSENT', 'there is no dead letter %s', entry)
  end
  local of = {}
  for i = 1, #found[2], 2 do
    of[found[2][i]] = found[2][i + 1]
  end
  call('XDEL', p .. 'dead', entry)
  call('HDEL', p .. 'run:' .. of.run, 'dead:' .. of.step)
  return json.object('entry', json.text(entry), 'run', json.text(of.run),
    'step', json.text(of.step))
end)

local function set_paused(p, queue, is_paused)
  if not queue or call('SISMEMBER', p .. 'queues', queue) == 0 then
    complain('ABSENT', 'there is no queue %s (see: treadle queues)',
      queue or '')
  end
  call(is_paused and 'SADD' or 'SREM', p .. 'paused', queue)
  return json.object('queue', json.text(queue),
    'paused', json.boolean(is_paused))
end

-- Lets no step of a queue begin; running ones go on. QUEUE.
function control.pause(p, args)
  return set_paused(p, args[1], true)
end

-- Ends a pause. QUEUE.
function control.resume(p, args)
  return set_paused(p, args[1], false)
end

