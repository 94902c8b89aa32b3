-- Looking at one run: functions that change nothing and answer in JSON.

local inspect = {}

do -- what has a name below is of this file alone

local LIST_MAX = 100       -- items whose results are shown there
local ITEMS_MAX = 20       -- items of a step, each with a run, shown there
local OUTPUT_MAX = 16384   -- bytes of an output shown inside of `status`
local LOGS_MAX = 4194304   -- bytes of logs in one answer

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
  graph.order = order
  return order
end

local function output_of(p, id, name)
  local size = call('HSTRLEN', p .. 'out:' .. id, name)
  if size == 0 then
    return nil, nil
  elseif size > OUTPUT_MAX then
    return nil, json.number(size)
  end
  local bytes = call('HGET', p .. 'out:' .. id, name)
  local _, name_of, size_of = blob.reference(bytes)
  if name_of then
    return nil, json.number(size_of), json.text(name_of)
  end
  return json.msgpack(bytes), json.number(size)
end

-- That of a step with items, where all of it is small: null for those that
-- have failed.
local function list_output(p, id, name)
  local key = each.list_key(p, 'results', id, name)
  local out, bytes, shown = {}, 0, 0
  if call('LLEN', key) > LIST_MAX then
    return nil, nil
  end
  for i, result in ipairs(call('LRANGE', key, 0, -1)) do
    local _, name_of, size_of = blob.reference(result)
    bytes, shown = bytes + (size_of or #result), shown + #result
    out[i] = string.sub(result, 1, 1) == FAILED and 'null' or
      name_of and json.object('blob', json.text(name_of),
        'bytes', json.number(size_of)) or json.msgpack(result)
  end
  return shown <= OUTPUT_MAX and json.array(out) or nil, json.number(bytes)
end

local function failure_of(p, id, name, attempt, recoveries)
  local key = p .. 'log:' .. id
  return call('HGET', key, name .. '/' .. attempt) or
    call('HGET', key, name .. '/' .. attempt .. '~' .. recoveries)
end

-- Of a step that is repeated, how many rounds have ended without being enough.
local function rounds_of(p, id, name, step_of, state)
  if not step_of.rounds or record.SETTLED[state] then
    return nil, nil
  end
  local last = call('HGET', p .. 'out:' .. id, '.last:' .. name)
  return json.number(last and string.match(last, '^%d+') or 0),
    json.number(step_of.rounds)
end

-- How far a step is that is performed for each item of a list.
local function items_of(text)
  local c = read_counts(text)
  return c and json.object('total', json.number(c.total),
    'begun', json.number(c.begun), 'done', json.number(c.done),
    'failed', json.number(c.failed))
end

local function status_step(p, id, of, name)
  local step_of = of.graph.steps[name]
  local state, attempt, recoveries, entry, holder, started, took =
    record.read(of['step:' .. name])
  local is_held = started ~= nil
  local due = (state == 'delayed' or state == 'parked') and
    call('ZSCORE', p .. 'delayed', id .. '/' .. name)
  local has_signal = step_of.signal and
    call('HEXISTS', p .. 'out:' .. id, '.signal:' .. name) == 1
  local round, rounds = rounds_of(p, id, name, step_of, state)
  local output, output_bytes, blob_name
  if state == 'done' then
    output, output_bytes, blob_name =
      (step_of.each and list_output or output_of)(p, id, name)
  end
  return json.object('step', json.text(name), 'kind', json.text(step_of.kind),
    'queue', json.text(step_of.queue), 'state', json.text(state),
    'needs', json.texts(step_of.needs),
    'undoes', step_of.when == 'undo' and json.text(step_of.needs[1]),
    'attempt', json.number(attempt),
    'recoveries', json.number(recoveries),
    'round', round, 'rounds', rounds,
    'entry', entry ~= '' and json.text(entry),
    'worker', is_held and json.text(holder),
    'started_at', is_held and json.number(started),
    'duration_ms', json.number(took), 'due_at', due and json.number(due),
    'waits', of['waits:' .. name], 'signalled', has_signal and 'true',
    'progress', of['progress:' .. name], 'cost', of['cost:' .. name],
    'items', items_of(of['items:' .. name]),
    'child', child.json(p, of['child:' .. name]),
    'dead', json.text(of['dead:' .. name]),
    'cached', of['cached:' .. name] and 'true',
    'cached_from', json.text(of['cached:' .. name]),
    'failure', state ~= 'done' and state ~= 'waiting' and
      failure_of(p, id, name, attempt, recoveries),
    'output', output, 'output_bytes', output_bytes,
    'blob', blob_name)
end

local function forked_from(of)
  local source, step = string.match(of.forked_from or '', '^(.*)/(.*)$')
  return source and json.object('run', json.text(source), 'step',
    json.text(step))
end

-- Behind a step whose items perform a workflow, those that are there.
local function add_items_at_work(p, id, of, name, steps)
  local items = of.graph.steps[name].item and of.graph.steps[name].definition
    and live_items(of, of.graph, name) or {}
  for i = 1, math.min(#items, ITEMS_MAX) do
    steps[#steps + 1] = status_step(p, id, of, items[i])
  end
end

-- One run: its state, its steps, its outputs. RUN. Returns JSON.
function inspect.status(p, args)
  local id = args[1]
  local of, state, left, _, phase = get_run(p, id)
  local steps = {}
  for _, name in ipairs(in_order(of.graph)) do
    steps[#steps + 1] = status_step(p, id, of, name)
    add_items_at_work(p, id, of, name, steps)
  end
  for _, name in ipairs(undo.recorded(of)) do
    steps[#steps + 1] = status_step(p, id, of, name)
  end
  local input = run.input(p, id, p .. 'run:' .. id)
  input = input and #input <= OUTPUT_MAX and json.msgpack(input)
  return json.object('run', json.text(id), 'state', json.text(state),
    'workflow', json.text(of.workflow), 'definition', json.text(of.def),
    'submitted_at', json.number(of.submitted_at),
    'finished_at', json.number(of.finished_at),
    'deadline_at', json.number(of.deadline_at), 'key', json.text(of.key),
    'forked_from', forked_from(of),
    'parent', json.text(of.parent),
    'left', json.number(left), 'total', json.number(of.graph.total),
    'closing', json.text(of.closing), 'phase', json.text(phase),
    'reason', of.reason,
    'input', input or nil,
    'output', of.graph.steps.output and (output_of(p, id, 'output')),
    'steps', json.array(steps))
end

-- What attempts wrote, and how they failed. RUN [STEP]. Returns JSON: run,
-- attempts, and truncated if not all fitted.
function inspect.logs(p, args)
  local id, wanted = args[1], optional(args, 2)
  local of = get_run(p, id)
  if wanted and not of.graph.steps[wanted] then
    complain('ABSENT', 'the workflow has no step %s (see: treadle status)',
      wanted)
  end
  local key, tries = p .. 'log:' .. id, {}
  for _, field in ipairs(call('HKEYS', key)) do
    local try = string.match(field, '^(.*)/log$') or field
    local name, suffix = string.match(try, '^(.+)/([%d~]+)$')
    if not wanted or name == wanted or
        of.graph.steps[name] and of.graph.steps[name].base == wanted then
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

end

