-- Producers: definitions and runs.

local submit = {}

-- Stores a definition under its digest.
-- DIGEST CANONICAL GRAPH. Returns OK, or KNOWN if it was there.
-- Afterwards: runs of it can be submitted, for a day at least.
function submit.define(p, args)
  local digest, canonical, graph_bytes = args[1], args[2], args[3]
  if #args ~= 3 or digest == '' then
    complain('USAGE', 'define takes DIGEST CANONICAL GRAPH')
  end
  local key = p .. 'def:' .. digest
  if call('EXISTS', key) == 1 then
    return status('KNOWN')
  end
  local graph = cmsgpack.unpack(graph_bytes)
  local now = clock()
  call('HSET', key, 'canonical', canonical, 'graph', graph_bytes,
    'name', graph.name, 'runs', 0, 'defined_at', now)
  call('ZADD', p .. 'definitions', now, digest)
  call_many('SADD', p .. 'queues', nil, graph.queues)
  recent.count_definition(p, graph.name, 1)
  return status('OK')
end

-- The answer for a run whose key of idempotency is known, or nil.
local function find_by_key(p, key, content)
  local known = call('HGET', p .. 'keys', key)
  if not known then
    return nil
  end
  local id = string.sub(known, 1, RUN_ID_LENGTH)
  local is_same = string.sub(known, RUN_ID_LENGTH + 2) == content
  return (is_same and 'EXISTS ' or 'CONFLICT ') .. id
end

-- What one submission says; the deadline is that of the workflow if 0.
-- The list of what goes into the hash serves all runs of a call. What steps
-- read of it stands in front, because Redis looks for a field from there.
local function create(batch, id, digest, graph, input, key, deadline, now,
    now_text)
  local p, fields, n = batch.p, batch.fields, 4
  fields[1], fields[2] = 'state', graph.begun
  fields[3], fields[4] = 'def', digest
  for i = 1, #graph.roots do
    local name = graph.roots[i]
    local of = graph.steps[name]
    fields[n + 1] = of.field
    fields[n + 2] = 'ready 0 0 ' .. run.enqueue(p, id, name, of.queue)
    n = n + 2
  end
  if #input > run.INPUT_SMALL then
    call('HSET', p .. 'out:' .. id, '.input', input)
  elseif input ~= '' then
    fields[n + 1], fields[n + 2] = 'input', input
    n = n + 2
  end
  fields[n + 1], fields[n + 2] = 'workflow', graph.name
  fields[n + 3], fields[n + 4] = 'submitted_at', now_text
  n = n + 4
  if key ~= '' then
    fields[n + 1], fields[n + 2] = 'key', key
    n = n + 2
  end
  if deadline > 0 then
    local due = text_of(now + deadline)
    fields[n + 1], fields[n + 2] = 'deadline_at', due
    n = n + 2
    run.schedule(p, id .. '/', due)
  end
  call('HSET', p .. 'run:' .. id, unpack(fields, 1, n))
  enter_index(batch, 'running', id)
end

-- The runs of a call that exist, as a set; seldom is there any.
local function find_known(p, args)
  local keys, known = {}, {}
  for i = 1, #args, 5 do
    keys[#keys + 1] = p .. 'run:' .. args[i]
  end
  local count = 0
  for first = 1, #keys, UNPACK_MAX do
    count = count + call('EXISTS', unpack(keys, first,
      math.min(first + UNPACK_MAX - 1, #keys)))
  end
  for i = 1, count > 0 and #keys or 0 do
    local id = args[i * 5 - 4]
    known[id] = call('EXISTS', keys[i]) == 1 or nil
  end
  return known
end

local function check_submissions(args)
  if #args == 0 or #args % 5 ~= 0 then
    complain('USAGE', 'submit takes (RUN DIGEST INPUT KEY DEADLINE_MS)...')
  end
  for i = 1, #args, 5 do
    if #args[i] ~= RUN_ID_LENGTH then
      complain('USAGE', 'a run id has %d characters', RUN_ID_LENGTH)
    end
    if args[i + 4] ~= '0' then -- the usual one
      to_number(args[i + 4], 'DEADLINE_MS')
    end
  end
end

-- One submission. users has the new runs of each digest; false: not stored.
-- known holds the runs that exist.
local function submit_one(batch, users, known, args, i, now, now_text)
  local p = batch.p
  local id, digest, input, key = args[i], args[i + 1], args[i + 2], args[i + 3]
  local content = key ~= '' and redis.sha1hex(digest .. input)
  local found = content and find_by_key(p, key, content)
  if found then
    return found
  end
  if users[digest] == nil then
    -- What is kept in Lua may be gone from Redis: FLUSHALL, sweep.
    users[digest] = call('EXISTS', p .. 'def:' .. digest) == 1 and {}
  end
  local graph = users[digest] and definition.get(p, digest)
  if not graph then
    return 'UNDEFINED ' .. id
  elseif known[id] then
    return 'EXISTS ' .. id
  end
  local deadline = args[i + 4] == '0' and graph.deadline or
    tonumber(args[i + 4])
  create(batch, id, digest, graph, input, key, deadline, now, now_text)
  if content then
    call('HSET', p .. 'keys', key, id .. ' ' .. content)
  end
  users[digest][#users[digest] + 1] = id
  known[id] = true
  return 'CREATED ' .. id
end

-- Creates runs and puts their first steps on their queues.
-- (RUN DIGEST INPUT KEY DEADLINE_MS)... Returns "<code> <run>" for each:
-- CREATED; EXISTS, if this run or one of this key and content is there;
-- CONFLICT, if the key belongs to other content; UNDEFINED, if the definition
-- isn't stored: nothing has happened for that run.
-- Afterwards, if CREATED: the run is there and will reach a final state.
function submit.submit(p, args)
  check_submissions(args)
  local now, now_text = clock()
  local batch, known = batch_new(p), find_known(p, args)
  local users, answers, created = {}, {}, 0
  batch.fields = {}
  for i = 1, #args, 5 do
    answers[#answers + 1] = submit_one(batch, users, known, args, i, now,
      now_text)
  end
  for digest, ids in pairs(users) do
    if ids and #ids > 0 then
      run.use_definition(p, digest, #ids, now_text)
      recent.add(p, definition.get(p, digest).name, ids)
      created = created + #ids
    end
  end
  if created > 0 then
    count(batch, 'submitted', created)
  end
  batch_end(batch)
  return answers
end

