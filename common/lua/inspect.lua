-- Looking: functions that change nothing and answer in JSON.

local inspect = {}

local EXAMINE_MAX = 1000   -- runs or dead letters one call looks at
local OUTPUT_MAX = 16384   -- bytes of an output shown inside of `status`
local LOGS_MAX = 4194304   -- bytes of logs in one answer
local NAMES_MAX = 1000     -- queues, workers

local STATES = { 'running', 'done', 'failed', 'cancelled' }

-- The runs whose ids begin so, at most ten. PREFIX. Returns JSON: runs.
function inspect.find(p, args)
  local prefix = args[1] or ''
  if not string.match(prefix, '^[0-9a-z]+$') then
    complain('USAGE', 'an id is made of letters and digits')
  end
  local found = {}
  for _, state in ipairs(STATES) do
    local ids = call('ZRANGEBYLEX', p .. 'runs:' .. state, '[' .. prefix,
      '[' .. prefix .. '~', 'LIMIT', 0, 10)
    for _, id in ipairs(ids) do
      if #found < 10 then
        found[#found + 1] = id
      end
    end
  end
  return json.object('runs', json.texts(found))
end

-- --- status ----------------------------------------------------------------

-- The steps of a graph, each after all that it needs.
local function in_order(graph)
  if graph.order then
    return graph.order
  end
  local order, missing, open = {}, {}, { unpack(graph.roots) }
  for name, of in pairs(graph.steps) do
    missing[name] = #of.needs
  end
  while #open > 0 do
    local name = table.remove(open, 1)
    order[#order + 1] = name
    for _, behind in ipairs(graph.steps[name].next) do
      missing[behind] = missing[behind] - 1
      if missing[behind] == 0 then
        open[#open + 1] = behind
      end
    end
  end
  return order
end

local function output_of(p, id, name)
  local size = call('HSTRLEN', p .. 'out:' .. id, name)
  if size == 0 then
    return nil, nil
  elseif size > OUTPUT_MAX then
    return nil, json.number(size)
  end
  return json.msgpack(call('HGET', p .. 'out:' .. id, name)),
    json.number(size)
end

local function failure_of(p, id, name, attempt, recoveries)
  local key = p .. 'log:' .. id
  return call('HGET', key, name .. '/' .. attempt) or
    call('HGET', key, name .. '/' .. attempt .. '~' .. recoveries)
end

local function status_step(p, id, of, name)
  local step_of = of.graph.steps[name]
  local state, attempt, recoveries, entry, holder, started, took =
    record.read(of['step:' .. name])
  local is_held = started ~= nil
  local due = state == 'delayed' and
    call('ZSCORE', p .. 'delayed', id .. '/' .. name)
  local output, output_bytes
  if state == 'done' then
    output, output_bytes = output_of(p, id, name)
  end
  return json.object('step', json.text(name), 'kind', json.text(step_of.kind),
    'queue', json.text(step_of.queue), 'state', json.text(state),
    'needs', json.texts(step_of.needs), 'attempt', json.number(attempt),
    'recoveries', json.number(recoveries),
    'entry', entry ~= '' and json.text(entry),
    'worker', is_held and json.text(holder),
    'started_at', is_held and json.number(started),
    'duration_ms', json.number(took), 'due_at', due and json.number(due),
    'progress', of['progress:' .. name], 'cost', of['cost:' .. name],
    'dead', json.text(of['dead:' .. name]),
    'failure', state ~= 'done' and state ~= 'waiting' and
      failure_of(p, id, name, attempt, recoveries),
    'output', output, 'output_bytes', output_bytes)
end

-- One run: its state, its steps, its outputs. RUN. Returns JSON.
function inspect.status(p, args)
  local id = args[1]
  local of, state, left = get_run(p, id)
  local steps = {}
  for i, name in ipairs(in_order(of.graph)) do
    steps[i] = status_step(p, id, of, name)
  end
  local input = call('HSTRLEN', p .. 'out:' .. id, '.input') <= OUTPUT_MAX and
    json.msgpack(call('HGET', p .. 'out:' .. id, '.input'))
  return json.object('run', json.text(id), 'state', json.text(state),
    'workflow', json.text(of.workflow), 'definition', json.text(of.def),
    'submitted_at', json.number(of.submitted_at),
    'finished_at', json.number(of.finished_at),
    'deadline_at', json.number(of.deadline_at), 'key', json.text(of.key),
    'left', json.number(left), 'total', json.number(of.graph.total),
    'reason', of.reason, 'input', input or nil,
    'output', of.graph.steps.output and (output_of(p, id, 'output')),
    'steps', json.array(steps))
end

-- --- list, dead ------------------------------------------------------------

-- At most `limit` ids below `cursor` in the given states, the newest first.
local function newest(p, states, cursor, limit)
  local ids = {}
  for _, state in ipairs(states) do
    local page = call('ZREVRANGEBYLEX', p .. 'runs:' .. state,
      cursor ~= '' and '(' .. cursor or '+', '-', 'LIMIT', 0, limit)
    for _, id in ipairs(page) do
      ids[#ids + 1] = id
    end
  end
  table.sort(ids, function(a, b) return a > b end)
  for i = #ids, limit + 1, -1 do
    ids[i] = nil
  end
  return ids
end

local function check_page(args, from)
  local limit = to_number(args[from + 1] or '50', 'LIMIT')
  return args[from] or '', math.min(math.max(1, limit), EXAMINE_MAX)
end

-- An argument that may be missing or empty.
local function optional(args, i)
  return args[i] and args[i] ~= '' and args[i] or nil
end

-- Runs, the newest first. STATE CURSOR LIMIT [WORKFLOW] [OLDER_MS]
-- [NEWER_MS]; empty texts are as good as missing. Returns JSON: runs, cursor
-- (null at the end), examined.
function inspect.list(p, args)
  local state = optional(args, 1)
  if state and state ~= 'running' and state ~= 'done' and state ~= 'failed' and
      state ~= 'cancelled' then
    complain('USAGE',
      'a state is one of running, done, failed, cancelled, not %s', state)
  end
  local cursor, limit = check_page(args, 2)
  local workflow, now = optional(args, 4), clock()
  local older = tonumber(optional(args, 5) or 0)
  local newer = tonumber(optional(args, 6) or math.huge)
  local ids = newest(p, state and { state } or STATES, cursor, EXAMINE_MAX)
  local found, last, examined = {}, nil, 0
  for _, id in ipairs(ids) do
    if #found == limit then
      break
    end
    last, examined = id, examined + 1
    local v = call('HMGET', p .. 'run:' .. id, 'state', 'workflow',
      'submitted_at', 'finished_at', 'reason', 'def')
    local age = now - tonumber(v[3] or now)
    if (not workflow or v[2] == workflow) and age >= older and age <= newer then
      local graph = v[6] and definition.get(p, v[6])
      local now_is, left = run_state.read(v[1])
      found[#found + 1] = json.object('run', json.text(id),
        'state', json.text(now_is), 'workflow', json.text(v[2]),
        'submitted_at', json.number(v[3]), 'finished_at', json.number(v[4]),
        'left', json.number(left),
        'total', graph and json.number(graph.total), 'reason', v[5])
    end
  end
  local is_end = #ids < EXAMINE_MAX and examined == #ids
  return json.object('runs', json.array(found),
    'cursor', is_end and 'null' or json.text(last),
    'examined', json.number(examined))
end

-- Dead letters, the newest first. CURSOR LIMIT [WORKFLOW] [STEP] [CLASS]
-- [OLDER_MS] [RUN]. Returns JSON: dead, cursor, examined.
function inspect.dead(p, args)
  local cursor, limit = check_page(args, 1)
  local wanted = { workflow = optional(args, 3), step = optional(args, 4),
    class = optional(args, 5), run = optional(args, 7) }
  local older, now = tonumber(optional(args, 6) or 0), clock()
  local letters = call('XREVRANGE', p .. 'dead',
    cursor ~= '' and '(' .. cursor or '+', '-', 'COUNT', EXAMINE_MAX)
  local found, last, examined = {}, nil, 0
  for _, letter in ipairs(letters) do
    if #found == limit then
      break
    end
    last, examined = letter[1], examined + 1
    local of = {}
    for i = 1, #letter[2], 2 do
      of[letter[2][i]] = letter[2][i + 1]
    end
    local is_wanted = now - tonumber(of.at) >= older
    for name, value in pairs(wanted) do
      is_wanted = is_wanted and of[name] == value
    end
    if is_wanted then
      found[#found + 1] = json.object('entry', json.text(letter[1]),
        'run', json.text(of.run), 'workflow', json.text(of.workflow),
        'step', json.text(of.step), 'queue', json.text(of.queue),
        'class', json.text(of.class), 'code', json.number(of.code),
        'detail', json.text(of.detail), 'attempts', json.number(of.attempts),
        'recoveries', json.number(of.recoveries), 'at', json.number(of.at),
        'history', of.history)
    end
  end
  local is_end = #letters < EXAMINE_MAX and examined == #letters
  return json.object('dead', json.array(found),
    'cursor', is_end and 'null' or json.text(last),
    'examined', json.number(examined))
end

-- --- logs ------------------------------------------------------------------

-- What attempts wrote, and how they failed. RUN [STEP]. Returns JSON: run,
-- attempts, and truncated if not all fitted.
function inspect.logs(p, args)
  local id, wanted = args[1], optional(args, 2)
  local of = get_run(p, id)
  if wanted and not of.graph.steps[wanted] then
    complain('ABSENT', 'the workflow has no step %s', wanted)
  end
  local key, tries = p .. 'log:' .. id, {}
  for _, field in ipairs(call('HKEYS', key)) do
    local name, suffix = string.match(field, '^([^/]+)/([%d~]+)')
    if not wanted or name == wanted then
      local try = name .. '/' .. suffix
      tries[try] = tries[try] or { name = name, suffix = suffix, at = 0 }
    end
  end
  local list, bytes = {}, 0
  for try, what in pairs(tries) do
    local failure = call('HGET', key, try)
    what.failure = failure
    what.at = failure and tonumber(string.match(failure, '"at":(%d+)')) or
      math.huge
    list[#list + 1] = what
  end
  table.sort(list, function(a, b)
    return a.at < b.at or a.at == b.at and a.suffix < b.suffix
  end)
  local out = {}
  for _, what in ipairs(list) do
    local log = call('HGET', key, what.name .. '/' .. what.suffix .. '/log')
    bytes = bytes + #(log or '')
    if bytes <= LOGS_MAX then
      local failure = what.failure and string.sub(what.failure, 2, -2) or
        '"attempt":' .. string.match(what.suffix, '^%d+')
      out[#out + 1] = '{"step":' .. json.text(what.name) .. ',' .. failure ..
        (log and ',"log":' .. json.text(log) or '') .. '}'
    end
  end
  return json.object('run', json.text(id), 'attempts', json.array(out),
    'truncated', bytes > LOGS_MAX and 'true')
end

-- --- queues, workers, stats ------------------------------------------------

-- The age of the oldest entry that waits, or nil.
local function oldest_waiting(key, group, now)
  local after = group and group['last-delivered-id'] or '0-0'
  local entry = call('XRANGE', key, '(' .. after, '+', 'COUNT', 1)[1]
  return entry and math.max(0, now - tonumber(string.match(entry[1], '^%d+')))
end

local function find_group(key)
  local groups = redis.pcall('XINFO', 'GROUPS', key)
  for _, raw in ipairs(groups.err and {} or groups) do
    local of = {}
    for i = 1, #raw, 2 do
      of[raw[i]] = raw[i + 1]
    end
    if of.name == GROUP then
      return of
    end
  end
  return nil
end

local function each_queue_state(p, now)
  local out = {}
  local names = call('SMEMBERS', p .. 'queues')
  table.sort(names)
  for i = 1, math.min(#names, NAMES_MAX) do
    local key = p .. 'queue:' .. names[i]
    local group = find_group(key)
    local running = group and group.pending or 0
    out[i] = json.object('queue', json.text(names[i]),
      'waiting', json.number(call('XLEN', key) - running),
      'running', json.number(running),
      'oldest_ms', json.number(oldest_waiting(key, group, now)),
      'paused', json.boolean(call('SISMEMBER', p .. 'paused', names[i]) == 1),
      'workers', json.number(group and group.consumers or 0))
  end
  return json.array(out)
end

-- Each queue: waiting, running, oldest, paused. Returns JSON: queues.
function inspect.queues(p)
  return json.object('queues', each_queue_state(p, clock()))
end

-- Each worker. Returns JSON: workers.
function inspect.workers(p)
  local now, out = clock(), {}
  local leases = call('ZRANGE', p .. 'workers', 0, NAMES_MAX - 1, 'WITHSCORES')
  for i = 1, #leases, 2 do
    local fields = call('HGETALL', p .. 'worker:' .. leases[i])
    local of, queues = {}, {}
    for k = 1, #fields, 2 do
      of[fields[k]] = fields[k + 1]
    end
    for queue in string.gmatch(of.queues or '', '[^,]+') do
      queues[#queues + 1] = queue
    end
    local left = tonumber(leases[i + 1]) - now
    out[#out + 1] = json.object('worker', json.text(leases[i]),
      'host', json.text(of.host), 'pid', json.number(of.pid),
      'version', json.text(of.version), 'slots', json.number(of.slots),
      'busy', json.number(of.busy), 'queues', json.texts(queues),
      'lease_ms', json.number(of.lease_ms), 'lease_left_ms', json.number(left),
      'registered_at', json.number(of.registered_at),
      'state', (of.lost or left <= 0) and '"lost"' or '"live"')
  end
  return json.object('workers', json.array(out))
end

-- Totals, queues, workers, due steps: all that metrics need. Returns JSON.
function inspect.stats(p)
  local now, counters = clock(), {}
  local fields = call('HGETALL', p .. 'counters')
  for i = 1, #fields, 2 do
    counters[#counters + 1] = json.text(fields[i]) .. ':' ..
      json.number(fields[i + 1])
  end
  table.sort(counters)
  local runs = {}
  for _, state in ipairs(STATES) do
    runs[#runs + 1] = '"' .. state .. '":' ..
      json.number(call('ZCARD', p .. 'runs:' .. state))
  end
  local due = call('ZRANGE', p .. 'delayed', 0, 0, 'WITHSCORES')
  return json.object('now', json.number(now),
    'version', json.number(VERSION),
    'counters', '{' .. table.concat(counters, ',') .. '}',
    'queues', each_queue_state(p, now),
    'workers', json.object(
      'live', json.number(call('ZCOUNT', p .. 'workers', now, '+inf')),
      'lost', json.number(call('ZCOUNT', p .. 'workers', '-inf', now - 1))),
    'delayed', json.number(call('ZCARD', p .. 'delayed')),
    'next_due', json.number(due[2]),
    'runs', '{' .. table.concat(runs, ',') .. '}',
    'dead', json.number(call('XLEN', p .. 'dead')))
end

-- The version of the library, a number.
function inspect.version()
  return VERSION
end

