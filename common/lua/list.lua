-- Looking at many: runs and dead letters, a page at a time.

local list = {}

local EXAMINE_MAX = 1000 -- runs or dead letters one call looks at

-- The runs whose ids begin so, at most ten. PREFIX. Returns JSON: runs.
function list.find(p, args)
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

-- Runs, the newest first. STATE CURSOR LIMIT [WORKFLOW] [OLDER_MS]
-- [NEWER_MS]; empty texts are as good as missing. Returns JSON: runs, cursor
-- (null at the end), examined.
function list.list(p, args)
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
  local is_filtered = workflow or older > 0 or newer < math.huge
  local wanted = is_filtered and EXAMINE_MAX or limit + 1
  local ids = newest(p, state and { state } or STATES, cursor, wanted)
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
  local is_end = #ids < wanted and examined == #ids
  return json.object('runs', json.array(found),
    'cursor', is_end and 'null' or json.text(last),
    'examined', json.number(examined))
end

-- Dead letters, the newest first. CURSOR LIMIT [WORKFLOW] [STEP] [CLASS]
-- [OLDER_MS] [RUN]. Returns JSON: dead, cursor, examined.
function list.dead(p, args)
  local cursor, limit = check_page(args, 1)
  local wanted = { workflow = optional(args, 3), step = optional(args, 4),
    class = optional(args, 5), run = optional(args, 7) }
  local older, now = tonumber(optional(args, 6) or 0), clock()
  local asked = (next(wanted) or older > 0) and EXAMINE_MAX or limit + 1
  local letters = call('XREVRANGE', p .. 'dead',
    cursor ~= '' and '(' .. cursor or '+', '-', 'COUNT', asked)
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
  local is_end = #letters < asked and examined == #letters
  return json.object('dead', json.array(found),
    'cursor', is_end and 'null' or json.text(last),
    'examined', json.number(examined))
end

