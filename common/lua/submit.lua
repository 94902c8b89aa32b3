-- Producers: definitions and runs.

local submit = {}

do -- what has a name below is of this file alone

local LEVELS_MAX = 8 -- of workflows that perform others

-- The definitions that one performs, each once.
local function performed_by(graph)
  local found, list = {}, {}
  for _, of in pairs(graph.performs and graph.steps or {}) do
    local digest = of.definition
    if digest and not found[digest] then
      found[digest], list[#list + 1] = true, digest
    end
  end
  return list
end

-- How many levels of workflows a definition has: 1 if it performs none. Those
-- it performs are stored, or among `levels`.
local function level_of(p, graph, levels)
  local level = 1
  for _, digest in ipairs(performed_by(graph)) do
    local of = levels[digest] or call('HGET', p .. 'def:' .. digest, 'levels')
    if not of then
      complain('ABSENT', 'workflow %s performs definition %s, which is not ' ..
        'stored', graph.name, digest)
    end
    level = math.max(level, 1 + tonumber(of))
  end
  if level > LEVELS_MAX then
    complain('INPUT', 'workflow %s performs others in %d levels, more than %d',
      graph.name, level, LEVELS_MAX)
  end
  return level
end

-- A definition is gone: what it performed may be unused.
function submit.release_performed(p, digest, graph, now)
  for _, other in ipairs(performed_by(graph)) do
    call('SREM', p .. 'callers:' .. other, digest)
    run.list_definition(p, other, now)
  end
end

-- Stores a definition, unless it is there. Returns whether it was.
function submit.store_definition(p, digest, canonical, graph_bytes, now)
  local key = p .. 'def:' .. digest
  if call('EXISTS', key) == 1 then
    return true
  end
  local graph = cmsgpack.unpack(graph_bytes)
  call('HSET', key, 'canonical', canonical, 'graph', graph_bytes,
    'name', graph.name, 'runs', 0, 'defined_at', now, 'steps', graph.total,
    'description', graph.description or '',
    'levels', level_of(p, graph, {}),
    'performs', table.concat(graph.performs or {}, ' '))
  for _, other in ipairs(performed_by(graph)) do
    call('SADD', p .. 'callers:' .. other, digest)
    call('ZREM', p .. 'definitions', other)
  end
  call('ZADD', p .. 'definitions', now, digest)
  call_many('SADD', p .. 'queues', nil, graph.queues)
  recent.count_definition(p, graph.name, 1)
  return false
end

-- Stores definitions under their digests, each behind those it performs.
-- (DIGEST CANONICAL GRAPH)... Returns OK, or KNOWN if all were there.
-- Afterwards: runs of them can be submitted, for a day at least.
function submit.define(p, args)
  local levels, now, are_known = {}, clock(), true
  for i = 1, math.max(#args, 1), 3 do
    if not args[i + 2] or args[i] == '' then
      complain('USAGE', 'define takes (DIGEST CANONICAL GRAPH)...')
    end
    levels[args[i]] = level_of(p, cmsgpack.unpack(args[i + 2]), levels)
  end
  for i = 1, #args, 3 do
    are_known = submit.store_definition(p, args[i], args[i + 1], args[i + 2],
      now) and are_known
  end
  return status(are_known and 'KNOWN' or 'OK')
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

-- What the new runs of one definition have in common in a call, or false if
-- that isn't stored. What is kept in Lua may be gone from Redis: FLUSHALL,
-- sweep. `fields` is what goes into a run's hash, first the `fixed` ones: what
-- steps read stands in front, because Redis looks for a field from there.
local function group_new(p, digest, now_text)
  local graph = call('EXISTS', p .. 'def:' .. digest) == 1 and
    definition.get(p, digest)
  if not graph then
    return false
  elseif graph.unlinked then
    complain('CONFLICT', 'workflow %s names workflows that it performs, not ' ..
      'their definitions: treadle submit links it', graph.name)
  end
  local roots, fields = {}, { 'state', graph.begun, 'def', digest }
  for i = 1, #graph.roots do
    local of = graph.steps[graph.roots[i]]
    roots[i] = { name = graph.roots[i], queue = p .. 'queue:' .. of.queue }
    fields[3 + 2 * i], fields[4 + 2 * i] = of.field, ''
  end
  local n = #fields
  fields[n + 1], fields[n + 2] = 'workflow', graph.name
  fields[n + 3], fields[n + 4] = 'submitted_at', now_text
  return { graph = graph, roots = roots, fields = fields, fixed = n + 4,
    ids = {} }
end

-- Creates one run; hash is the key of its hash. The deadline is that of the
-- workflow if 0.
local function create(p, group, id, hash, input, key, deadline, now)
  local fields, n = group.fields, group.fixed
  for i = 1, #group.roots do
    local root = group.roots[i]
    fields[4 + 2 * i] = 'ready 0 0 ' .. run.enqueue(root.queue, id, root.name)
  end
  if #input > run.INPUT_SMALL then
    call('HSET', p .. 'out:' .. id, '.input', input)
  elseif input ~= '' then
    fields[n + 1], fields[n + 2] = 'input', input
    n = n + 2
  end
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
  call('HSET', hash, unpack(fields, 1, n))
  group.ids[#group.ids + 1] = id
end

-- The runs of a call that exist, as a set; seldom is there any. And the keys of
-- the hashes of all.
local function find_known(p, args)
  local keys, known = {}, {}
  for i = 1, #args, 5 do
    keys[(i + 4) / 5] = p .. 'run:' .. args[i]
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
  return known, keys
end

local function check_submissions(args)
  if #args == 0 or #args % 5 ~= 0 then
    complain('USAGE',
      'submit takes [no-cache] (RUN DIGEST INPUT KEY DEADLINE_MS)...')
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

-- One submission. groups has one for each digest, known the runs that exist,
-- hash is the key of the new one.
local function submit_one(p, groups, known, hash, args, i, now, now_text)
  local id, digest, input, key = args[i], args[i + 1], args[i + 2], args[i + 3]
  local content = key ~= '' and redis.sha1hex(digest .. input)
  local found = content and find_by_key(p, key, content)
  if found then
    return found
  end
  local group = groups[digest]
  if group == nil then
    group = group_new(p, digest, now_text)
    groups[digest] = group
  end
  if not group then
    return 'UNDEFINED ' .. id
  elseif known[id] then
    return 'EXISTS ' .. id
  end
  local deadline = args[i + 4] == '0' and group.graph.deadline or
    tonumber(args[i + 4])
  create(p, group, id, hash, input, key, deadline, now)
  if content then
    call('HSET', p .. 'keys', key, id .. ' ' .. content)
  end
  known[id] = true
  return 'CREATED'
end

-- What is said once for all new runs of a definition.
local function end_group(batch, digest, group, now_text)
  local p, ids = batch.p, group.ids
  if #ids > 0 then
    run.use_definition(p, digest, #ids, now_text)
    recent.add(p, group.graph.name, ids)
    count(batch, 'submitted', #ids)
  end
  call_many('ZADD', p .. 'runs:running', nil, with_score('0', ids))
end

-- Creates one run, for a step that waits for it. Returns whether its
-- definition is stored.
function submit.create_run(batch, digest, id, input, now)
  local p, now_text = batch.p, text_of(now)
  local group = group_new(p, digest, now_text)
  if not group then
    return false
  end
  create(p, group, id, p .. 'run:' .. id, input, '', group.graph.deadline, now)
  end_group(batch, digest, group, now_text)
  return true
end

-- Creates runs and puts their first steps on their queues.
-- [no-cache] (RUN DIGEST INPUT KEY DEADLINE_MS)... With `no-cache` no step of
-- these runs asks the cache. Returns for each CREATED, or with the run that it
-- is about: "EXISTS <run>", if this one or one of this key and
-- content is there; "CONFLICT <run>", if the key belongs to other content;
-- "UNDEFINED <run>", if the definition isn't stored: nothing has happened.
-- Afterwards, if CREATED: the run is there and will reach a final state.
function submit.submit(p, args)
  local is_uncached = args[1] == 'no-cache' and table.remove(args, 1)
  check_submissions(args)
  local now, now_text = clock()
  local known, keys = find_known(p, args)
  local groups, answers = {}, {}
  for i = 1, #args, 5 do
    local n = #answers + 1
    answers[n] = submit_one(p, groups, known, keys[n], args, i, now, now_text)
    if is_uncached and answers[n] == 'CREATED' then
      call('HSET', keys[n], 'no_cache', '1')
    end
  end
  local batch = batch_new(p)
  for digest, group in pairs(groups) do
    if group then
      end_group(batch, digest, group, now_text)
    end
  end
  batch_end(batch)
  return answers
end

end

