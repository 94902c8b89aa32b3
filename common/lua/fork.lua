-- Forking: a new run that goes on from what another one has done.

local fork = {}

do -- what has a name below is of this file alone

local COPY_MAX = 33554432 -- bytes of checkpoints that one call copies

-- What the new run has from the other, by name: steps that are settled, but
-- `from`, what was undone, and all that comes behind these or behind what is
-- not settled.
local function steps_to_keep(of, from)
  local first, kept = undo.undone(of), {}
  first[#first + 1] = from
  for name, step_of in pairs(of.graph.steps) do
    if run.is_left(step_of, of['step:' .. name]) then
      first[#first + 1] = name
    end
  end
  local anew = steps_from(of, first)
  for name, step_of in pairs(of.graph.steps) do
    if step_of.when ~= 'undo' and not anew[name] then
      kept[name] = true
    end
  end
  return kept
end

-- The fields of the outputs of a run that belong to these steps, with its
-- input; none of them may be too much.
local function outputs_to_copy(p, of, id, kept)
  local found, bytes, key = {}, 0, p .. 'out:' .. id
  local names = { '.input' }
  for name in pairs(kept) do
    names[#names + 1] = record.read(of['step:' .. name]) == 'failed' and
      '.error:' .. name or name
  end
  for _, name in ipairs(names) do
    local size = call('HSTRLEN', key, name)
    bytes = bytes + size
    if size > 0 then
      found[#found + 1] = name
    end
  end
  if bytes > COPY_MAX then
    complain('INPUT', 'the checkpoints before the step have %.0f bytes, ' ..
      'more than %d: submit the workflow anew', bytes, COPY_MAX)
  end
  return found
end

-- The new run will not undo what it has from the other, so nobody else may.
local function check_undoing(of, id, state, kept)
  for _, name in ipairs(state == 'running' and of.graph.undo and
      of.graph.undo.steps or {}) do
    if kept[name] and of['undo:' .. name] then
      complain('CONFLICT', 'run %s is still running, and undoes step %s if ' ..
        'it fails: wait for its end', id, name)
    end
  end
end

-- The record of a step of the new run that waits for some of its needs, nil if
-- it waits for all; it is added to `free` if it waits for none.
local function wait_for_needs(of, name, kept, free)
  local needs_left = 0
  for _, need in ipairs(of.needs) do
    needs_left = needs_left + (kept[need] and 0 or 1)
  end
  if needs_left == 0 then
    free[#free + 1] = name
  elseif needs_left < #of.needs then
    return record.waiting(needs_left, 0)
  end
end

-- The records of all steps of the new run, as fields; how many are left, and
-- which of them have nothing to wait for.
local function gather_steps(of, kept, fields)
  local left, free = 0, {}
  for name, step_of in pairs(of.graph.steps) do
    local text = kept[name] and of['step:' .. name]
    if not text and step_of.when ~= 'undo' then
      text, left = wait_for_needs(step_of, name, kept, free), left + 1
    end
    if text then
      fields['step:' .. name] = text
    end
    if kept[name] then
      fields['caught:' .. name] = of['caught:' .. name]
      fields['cached:' .. name] = of['cached:' .. name]
    end
  end
  table.sort(free)
  return left, free
end

-- The lists of the steps with items, which have come to their end there.
local function copy_items(p, id, source, of, kept)
  local fields = {}
  for _, name in ipairs(of.graph.spreading or {}) do
    local counts = kept[name] and of['items:' .. name]
    if counts then
      for _, what in ipairs({ 'items', 'results' }) do
        call('COPY', each.list_key(p, what, source, name),
          each.list_key(p, what, id, name))
      end
      fields[#fields + 1] = 'items:' .. name
      fields[#fields + 1] = counts
    end
  end
  call_many('HSET', p .. 'run:' .. id, nil, fields)
end

local function answer_of(id, source, from)
  return json.object('run', json.text(id), 'forked_from', json.text(source),
    'step', json.text(from))
end

local function create(p, id, source, from, of, kept)
  local now, now_text = clock()
  local fields = { def = of.def, workflow = of.workflow, input = of.input,
    submitted_at = now_text, forked_from = source .. '/' .. from,
    no_cache = '1' }
  local left, free = gather_steps(of, kept, fields)
  local list = {}
  fields.state = run_state.write('running', left)
  if of.graph.deadline > 0 then
    fields.deadline_at = text_of(now + of.graph.deadline)
    run.schedule(p, id .. '/', fields.deadline_at)
  end
  for field, value in pairs(fields) do
    list[#list + 1] = field
    list[#list + 1] = value
  end
  call_many('HSET', p .. 'run:' .. id, nil, list)
  local batch = batch_new(p)
  call('ZADD', p .. 'runs:running', '0', id)
  count(batch, 'submitted')
  run.use_definition(p, of.def, 1, now_text)
  recent.add(p, of.workflow, { id })
  step.begin_free(batch, id, of.graph, fields.state, free, {}, from, now)
  batch_end(batch)
end

-- Makes a run that has from another one all that was done before a step.
-- RUN NEW STEP. Returns JSON: run, forked_from, step. NEW is the new run's id,
-- which the caller makes: asked again, it answers the same.
-- Afterwards: the run NEW is there, of the same definition and input; what it
-- has from the other never changes; STEP and all else will be performed,
-- whatever the cache knows.
function fork.fork(p, args)
  local source, id, from = args[1], args[2] or '', optional(args, 3)
  if #id ~= RUN_ID_LENGTH or not from then
    complain('USAGE', 'fork takes RUN NEW STEP; an id has %d characters',
      RUN_ID_LENGTH)
  end
  local of, state = get_run(p, source)
  local known = call('HMGET', p .. 'run:' .. id, 'state', 'forked_from')
  if known[1] and known[2] == source .. '/' .. from then
    return answer_of(id, source, from)
  elseif known[1] then
    complain('CONFLICT', 'there is a run %s already', id)
  end
  check_step(of, from)
  if of.graph.steps[from].base then
    complain('INPUT', 'a run is forked from a step, not from an item: %s',
      of.graph.steps[from].base)
  end
  local kept = steps_to_keep(of, from)
  check_undoing(of, source, state, kept)
  local outputs = outputs_to_copy(p, of, source, kept)
  for _, name in ipairs(outputs) do
    call('HSET', p .. 'out:' .. id, name,
      call('HGET', p .. 'out:' .. source, name))
  end
  blob.share_all(p, source, id)
  create(p, id, source, from, of, kept)
  copy_items(p, id, source, of, kept)
  return answer_of(id, source, from)
end

end

