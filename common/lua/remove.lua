-- Operators, too: what they remove, forget and drop.

-- Removes a finished run and all that is of it. RUN [ONCE]. Returns JSON: run.
control.forget = once(function(p, args)
  local id = args[1]
  local state = call('HGET', p .. 'run:' .. (id or ''), 'state')
  if not state then
    complain('ABSENT', 'there is no run %s (see: treadle list)', id or '')
  elseif run_state.read(state) == 'running' then
    complain('CONFLICT', 'run %s is still running: cancel it first', id)
  end
  local batch = batch_new(p)
  run.remove(batch, id, clock())
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

