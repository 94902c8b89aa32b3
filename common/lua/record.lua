-- The record of a step: one readable line in the run's hash.
--
--   <state> <attempt> <recoveries> <entry> [<worker> <started> [<took>]]
--   waiting <needs that are not done> [<attempts so far>]
--
-- It stays within 64 bytes, so that Redis keeps the hash compact. `attempt`
-- counts the attempts that have begun: in `ready` the next one is one more.
-- In `ready` the word `more` in the worker's place says that earlier tries
-- left something for the next one: a memo, or a count (`again:<step>`).

local record = {}

local RECORD = '^(%l+) (%d+) ?(%d*) ?(%S*) ?(%S*) ?(%d*) ?(%d*)$'

-- Returns state, attempt, recoveries, entry, worker, started, took; numbers
-- but for the texts. No record at all is the state `waiting`.
function record.read(text)
  if not text then
    return 'waiting', 0, 0, ''
  end
  local state, attempt, recoveries, entry, worker, started, took =
    string.match(text, RECORD)
  if state == 'waiting' then
    return state, tonumber(recoveries) or 0, 0, ''
  end
  return state, tonumber(attempt), tonumber(recoveries), entry, worker,
    tonumber(started), tonumber(took)
end

-- Whether a step runs as this very attempt, under this entry, at this worker:
-- when that began, as a text, or nil. To match a pattern costs 5600
-- instructions, this a third.
function record.held_since(text, entry, attempt, worker_id)
  local _, last = string.find(text or '',
    ' ' .. entry .. ' ' .. worker_id .. ' ', 1, true)
  if last and string.find(text, 'running ' .. attempt .. ' ', 1, true) == 1 then
    return string.sub(text, last + 1)
  end
end

-- What a step in these states was to do is settled: what is behind it goes on.
record.SETTLED = { done = true, skipped = true, failed = true }

function record.is_settled(text)
  return record.SETTLED[string.match(text or '', '^%l+')]
end

-- How many needs of a step aren't settled, by its record; `all` without one.
function record.needs_left(text, all)
  return text and tonumber(string.match(text, '^waiting (%d+)')) or all
end

function record.waiting(needs_left, attempts)
  return 'waiting ' .. needs_left .. (attempts > 0 and ' ' .. attempts or '')
end

-- Never begun, for none of its needs has passed or its condition asks for
-- another end of the run.
function record.skipped(attempts)
  return 'skipped ' .. attempts .. ' 0 -'
end

function record.ready(attempt, recoveries, entry, has_more)
  return 'ready ' .. attempt .. ' ' .. recoveries .. ' ' .. entry ..
    (has_more and ' more' or '')
end

function record.running(attempt, recoveries, entry, worker, started)
  return 'running ' .. attempt .. ' ' .. recoveries .. ' ' .. entry .. ' ' ..
    worker .. ' ' .. started
end

-- The same step after its attempt: `text` is what it was while running, of
-- which only the state changes; how long it took is put behind.
function record.ended(state, text, started, now)
  return state .. string.sub(text, 8) .. ' ' ..
    text_of(math.max(0, now - started))
end

-- A running step is performed for each item of a list from now on (each.lua);
-- and as it was before.
function record.spread(text)
  return 'spread' .. string.sub(text, 8)
end

function record.unspread(text)
  return 'running' .. string.match(text, ' .*$')
end

-- The state of a run and how many of its steps aren't done stand in one
-- field: "running 3", "failed 2", "done 0"; `again` behind it says that an
-- operator has had it retried, so that records may count earlier attempts;
-- draining or cleaning, how far a run is that is being closed (closing.lua).
local run_state = {}

local STATES = { 'running', 'done', 'failed', 'cancelled' }

-- How many steps are left, by the text of a running run. There are few such
-- texts, and to read one costs 2500 instructions.
local left_of = {}

-- Returns the state, how many steps are left, whether it is `again`, and how
-- far it is closed.
function run_state.read(text)
  local known = left_of[text]
  if known then
    return 'running', known, false
  end
  local state, digits, rest = string.match(text, '^(%l+) (%d+)(.*)$')
  local left = tonumber(digits)
  if state == 'running' and rest == '' and left < 1000 then
    left_of[text] = left
  end
  return state, left, string.sub(rest, 1, 6) == ' again',
    string.match(rest, '%l+ing$')
end

function run_state.write(state, left, is_again, phase)
  return state .. ' ' .. text_of(left) .. (is_again and ' again' or '') ..
    (phase and ' ' .. phase or '')
end

-- Definitions are addressed by content, hence never change: what was decoded
-- once is kept. A full table is dropped whole; it fills again in no time.
local definition = { kept = {}, count = 0 }
local DEFINITIONS_MAX = 256

-- What the library needs of a step beside what its definition says; `more` is
-- how many texts its attempts are given beside memo, input and outputs.
local function prepare_step(of, more)
  -- How many texts tell what the step reads (take), and what is answered at
  -- its plain first attempt.
  of.all_texts = 2 + #of.reads + (of.rounds and 1 or 0) + more
  of.texts = (of.input or of.all_texts > 2) and of.all_texts or 0
  of.counts = '1 0 0 0 ' .. of.texts
end

-- The items of a step are steps, `<step>/<index>`: what is the same of all.
local function item_step(name, of)
  local item = { base = name, queue = of.queue, recoveries = of.recoveries,
    when = of.when, needs = {}, next = {}, kind = of.each.kind,
    reads = of.each.reads, input = of.each.input, rounds = of.each.rounds,
    definition = of.definition }
  prepare_step(item, 1)
  return item
end

-- Steps by their name, items among them.
local STEPS = {
  __index = function(steps, name)
    local base = string.match(name, '^([^/]+)/%d+$')
    local of = base and rawget(steps, base)
    return of and of.item
  end,
}

-- The graph of a definition, or nil if it isn't stored. Form: INTERNALS.md.
function definition.get(p, digest)
  local graph = definition.kept[digest]
  if graph then
    return graph
  end
  local bytes = call('HGET', p .. 'def:' .. digest, 'graph')
  if not bytes then
    return nil
  end
  graph = cmsgpack.unpack(bytes)
  for name, of in pairs(graph.steps) do
    of.field = 'step:' .. name -- where its record stands in the run's hash
    of.inherited = 'COMMITTED ' .. name
    if of.signal then -- which step waits for each
      list_of(graph, 'signals')[of.signal] = name
    end
    prepare_step(of, 0)
    if of.each then
      of.item = item_step(name, of)
      graph.spreading = graph.spreading or {}
      table.insert(graph.spreading, name)
    end
  end
  setmetatable(graph.steps, STEPS)
  graph.begun = run_state.write('running', graph.total)
  if definition.count >= DEFINITIONS_MAX then
    definition.kept, definition.count = {}, 0
  end
  definition.kept[digest] = graph
  definition.count = definition.count + 1
  return graph
end

