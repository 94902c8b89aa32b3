-- Looking at many: runs and dead letters, a page at a time.

local list = {}

do -- what has a name below is of this file alone

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

-- The beginning of all ids made at that time, and thereby a bound: ids sort
-- by time.
local ID_DIGITS = '0123456789abcdefghjkmnpqrstvwxyz'
local function id_of_time(ms)
  local id = ''
  ms = math.max(0, ms)
  for _ = 1, 10 do
    local digit = ms % 32
    id = string.sub(ID_DIGITS, digit + 1, digit + 1) .. id
    ms = (ms - digit) / 32
  end
  return id
end

-- At most `limit` ids, `from` and above, below `to`, in the given states, the
-- newest first.
local function newest(p, states, from, to, limit)
  local pages, heads, ids = {}, {}, {}
  for i, state in ipairs(states) do
    pages[i] = call('ZREVRANGEBYLEX', p .. 'runs:' .. state,
      to ~= '' and '(' .. to or '+', '[' .. from, 'LIMIT', 0, limit)
    heads[i] = 1
  end
  while #ids < limit do
    local newest_id, at = '', nil
    for i, page in ipairs(pages) do
      local id = page[heads[i]]
      if id and id > newest_id then
        newest_id, at = id, i
      end
    end
    if not at then
      break
    end
    ids[#ids + 1] = newest_id
    heads[at] = heads[at] + 1
  end
  return ids
end

-- Just above an id: no other one lies between.
local function above(id)
  return id .. '-'
end

-- The same, of a workflow, by where its newest runs are; and where the
-- indexes go on, nil if they hold no more of it. Nothing at all if only they
-- can tell. There may be others between, so it takes more than `limit`.
local function newest_of(p, workflow, states, from, to, limit)
  local spans, floor = recent.read(p, workflow)
  local rest = floor ~= '' and floor >= from and above(floor) or nil
  local bottom, ids = rest or from, {}
  for _, span in ipairs(spans) do
    local low = span[1] > bottom and span[1] or bottom
    local top = (to == '' or span[2] < to) and above(span[2]) or to
    if top > low then
      to = low -- what lies above has been seen
      for _, id in ipairs(newest(p, states, low, top,
          EXAMINE_MAX - #ids)) do
        ids[#ids + 1] = id
      end
      if #ids > limit or #ids == EXAMINE_MAX then
        return ids, ids[#ids]
      end
    end
  end
  if rest and #ids == 0 then
    return nil, nil
  end
  return ids, rest
end

local function check_page(args, from)
  local limit = to_number(args[from + 1] or '50', 'LIMIT')
  return args[from] or '', math.min(math.max(1, limit), EXAMINE_MAX)
end

-- One run as the list shows it; nil if it isn't of that state and workflow.
local function listed(p, id, state, workflow)
  local v = call('HMGET', p .. 'run:' .. id, 'state', 'workflow',
    'submitted_at', 'finished_at', 'reason', 'def', 'parent')
  if not v[1] or workflow and v[2] ~= workflow then
    return nil
  end
  local now_is, left = run_state.read(v[1])
  if state and now_is ~= state then
    return nil
  end
  local graph = definition.get(p, v[6])
  return json.object('run', json.text(id), 'state', json.text(now_is),
    'workflow', json.text(v[2]), 'submitted_at', json.number(v[3]),
    'finished_at', json.number(v[4]), 'left', json.number(left),
    'total', graph and json.number(graph.total), 'reason', v[5],
    'parent', json.text(v[7]))
end

-- The bounds that ages give: ids from `from` on, below `to`.
local function bounds(args, at, cursor)
  local older, newer = optional(args, at), optional(args, at + 1)
  local now = (older or newer) and clock()
  local from = newer and id_of_time(now - to_number(newer, 'NEWER_MS')) or ''
  local to = older and id_of_time(now - to_number(older, 'OLDER_MS') + 1) or ''
  if cursor ~= '' and (to == '' or cursor < to) then
    to = cursor
  end
  return from, to
end

-- Runs, the newest first. STATE CURSOR LIMIT [WORKFLOW] [OLDER_MS]
-- [NEWER_MS]; empty texts are as good as missing. Ages are those of the ids.
-- Returns JSON: runs, cursor (null at the end), examined.
function list.list(p, args)
  local state, workflow = optional(args, 1), optional(args, 4)
  if state and state ~= 'running' and state ~= 'done' and state ~= 'failed' and
      state ~= 'cancelled' then
    complain('USAGE',
      'a state is one of running, done, failed, cancelled, not %s', state)
  end
  local cursor, limit = check_page(args, 2)
  local from, to = bounds(args, 5, cursor)
  local states = state and { state } or STATES
  local wanted, ids, rest = limit + 1, nil, nil
  if workflow then
    wanted = EXAMINE_MAX
    ids, rest = newest_of(p, workflow, states, from, to, limit)
  end
  if not ids then
    ids = newest(p, states, from, to, wanted)
    rest = #ids == wanted and ids[#ids] or nil
  end
  local found, examined = {}, 0
  while examined < #ids and #found < limit do
    examined = examined + 1
    found[#found + 1] = listed(p, ids[examined], state, workflow)
  end
  if examined < #ids then
    rest = ids[examined]
  end
  return json.object('runs', json.array(found),
    'cursor', rest and json.text(rest) or 'null',
    'examined', json.number(examined))
end

-- The parts of an entry's id, of which a second one may be missing.
local function entry_parts(entry)
  local ms, seq = string.match(entry, '^(%d+)%-?(%d*)$')
  return tonumber(ms), tonumber(seq) or math.huge
end

local function is_below(entry, other)
  local ms, seq = entry_parts(entry)
  local other_ms, other_seq = entry_parts(other)
  return ms < other_ms or ms == other_ms and seq < other_seq
end

-- The dead letters of one run, and of those that it performed, below `to`, the
-- newest first.
local function letters_of(p, id, to)
  local letters = {}
  for _, member in ipairs(child.family(p, id)) do
    for field, entry in pairs((run.read(p, member))) do
      if string.sub(field, 1, 5) == 'dead:' and
          (to == '' or is_below(entry, to)) then
        letters[#letters + 1] = call('XRANGE', p .. 'dead', entry, entry)[1]
      end
    end
  end
  table.sort(letters, function(a, b) return is_below(b[1], a[1]) end)
  return letters
end

local function letter_json(entry, of)
  return json.object('entry', json.text(entry), 'run', json.text(of.run),
    'workflow', json.text(of.workflow), 'step', json.text(of.step),
    'queue', json.text(of.queue), 'class', json.text(of.class),
    'code', json.number(of.code), 'detail', json.text(of.detail),
    'attempts', json.number(of.attempts),
    'recoveries', json.number(of.recoveries), 'at', json.number(of.at),
    'history', of.history)
end

-- One letter as the list shows it; nil if it isn't wanted.
local function listed_letter(letter, wanted)
  local of = {}
  for i = 1, #letter[2], 2 do
    of[letter[2][i]] = letter[2][i + 1]
  end
  for name, value in pairs(wanted) do
    if of[name] ~= value then
      return nil
    end
  end
  return letter_json(letter[1], of)
end

-- Dead letters, the newest first. CURSOR LIMIT [WORKFLOW] [STEP] [CLASS]
-- [OLDER_MS] [RUN]. Returns JSON: dead, cursor, examined.
function list.dead(p, args)
  local cursor, limit = check_page(args, 1)
  local wanted = { workflow = optional(args, 3), step = optional(args, 4),
    class = optional(args, 5) }
  local older, id = optional(args, 6), optional(args, 7)
  if not string.match(cursor, '^%d*%-?%d*$') then
    complain('USAGE', 'a cursor is what a list ended with, not %s', cursor)
  end
  local to, asked = cursor, next(wanted) and EXAMINE_MAX or limit + 1
  local latest = older and
    text_of(clock() - to_number(older, 'OLDER_MS') + 1) .. '-0'
  if latest and (to == '' or is_below(latest, to)) then
    to = latest
  end
  local letters = id and letters_of(p, id, to) or call('XREVRANGE',
    p .. 'dead', to ~= '' and '(' .. to or '+', '-', 'COUNT', asked)
  local found, examined = {}, 0
  while examined < #letters and #found < limit do
    examined = examined + 1
    found[#found + 1] = listed_letter(letters[examined], wanted)
  end
  local is_end = examined == #letters and (id or #letters < asked)
  return json.object('dead', json.array(found),
    'cursor', is_end and 'null' or json.text(letters[examined][1]),
    'examined', json.number(examined))
end

end

