#!lua name=treadle
-- SPDX-License-Identifier: MIT
--
-- The library: every change of state of every run, as Redis Functions.
--
-- The files are joined in the order of the Makefile and read best in it:
-- head, record, json, run, closing, undo; recent, submit; worker, step, take,
-- settle, each, reopen, complete, cache, fail, release; timer, reclaim, blob;
-- once, control, child, family, signal, remove, fork, named; inspect, list,
-- stats; mend, tidy; register. docs/INTERNALS.md describes the keys, the states
-- and who performs which transition.
--
-- Rules. There is no rollback: a function reads its arguments and checks
-- first, and writes last. TIME is asked once and passed down. Every loop has
-- a bound. Payloads are opaque bytes, ids are strings. All keys are made
-- from KEYS[1], the partition ("treadle:{0}"), so that all lie in one slot.
-- Lua has room for 200 names at this level: where only one file needs what it
-- names, the file is a block (do ... end) behind the table that it fills.

-- VERSION is what a program and this library must agree on: a program loads
-- its library over an older one, and refuses to work with a newer one.
-- Raise it with every change that is released:
--   1. raise it here (the programs read this very line);
--   2. describe the change in docs/INTERNALS.md, "Versions";
--   3. keep reading what the previous version wrote: its runs are still there.
local VERSION = 1

local GROUP = 'workers'
local RUN_ID_LENGTH = 26
local UNPACK_MAX = 1000 -- Lua's stack is bounded: variadic calls go in parts

-- redis.call; it does not exist yet while the library is loaded (register).
local call

-- A reply that is a status, as redis.status_reply makes it.
local function status(word)
  return { ok = word }
end

-- Stops a function, before its first write, with an error for the caller.
-- kind is one of the words that the programs know: errors.def.
local function complain(kind, ...)
  error({ complaint = kind .. ' ' .. string.format(...) })
end

-- Redis' clock in whole milliseconds, as a number and as text. What goes to
-- Redis is passed as text: Lua and Redis print numbers dearly.
local function clock()
  local t = call('TIME')
  local now = t[1] * 1000 + math.floor(t[2] / 1000)
  return now, string.format('%.0f', now)
end

-- A whole number as text. Printing is dear, and most numbers are small and
-- come again, so those are kept.
local small = {}
local function text_of(n)
  local text = small[n]
  if not text then
    text = string.format('%.0f', n)
    if n >= 0 and n < 1000 then
      small[n] = text
    end
  end
  return text
end

local function to_number(text, what)
  return tonumber(text) or complain('USAGE', '%s is not a number', what)
end

-- An argument that may be missing or empty.
local function optional(args, i)
  return args[i] and args[i] ~= '' and args[i] or nil
end

-- Calls a variadic command over a long list, in parts. `between` stands
-- before the list, e.g. the name of the group for XACK; nil for none.
local function call_many(command, key, between, list)
  for first = 1, #list, UNPACK_MAX do
    local last = math.min(first + UNPACK_MAX - 1, #list)
    if between then
      call(command, key, between, unpack(list, first, last))
    else
      call(command, key, unpack(list, first, last))
    end
  end
end

-- Runs that other runs wait for: child.lua. Few runs do.
local child = {}

-- What one call gathers, to say it to Redis once, at the end: totals,
-- acknowledged entries by queue, and runs that change their index.
local function batch_new(p)
  return { p = p, counts = {}, entries = {}, leaving = {}, finished = {},
    kept = {} }
end

local function count(batch, name, increment)
  batch.counts[name] = (batch.counts[name] or 0) + (increment or 1)
end

-- The list of that name in a table of lists, made when first asked for.
local function list_of(lists, name)
  local list = lists[name]
  if not list then
    list = {}
    lists[name] = list
  end
  return list
end

-- The entry leaves its stream and its pending list.
local function finish_entry(batch, queue, entry)
  local list = list_of(batch.entries, queue)
  list[#list + 1] = entry
end

-- A run leaves the index of a state.
local function leave_index(batch, state, id)
  local list = list_of(batch.leaving, state)
  list[#list + 1] = id
end

local RUNS = { done = 'runs_done', failed = 'runs_failed',
  cancelled = 'runs_cancelled' }

-- A run has finished at `now`, which is the same for all of a call.
local function finish_run(batch, id, state, now)
  local list = list_of(batch.finished, state)
  list[#list + 1] = id
  batch.finished_at = now
end

-- Most runs have no deadline. That nothing at all is delayed is seen at once.
local function drop_deadlines(p, ids)
  if call('EXISTS', p .. 'delayed') == 0 then
    return
  end
  local members = {}
  for i = 1, #ids do
    members[i] = ids[i] .. '/'
  end
  call_many('ZREM', p .. 'delayed', nil, members)
end

-- Scores and members, as ZADD takes them: the same score for all.
local function with_score(score, ids)
  local list = {}
  for i = 1, #ids do
    list[2 * i - 1], list[2 * i] = score, ids[i]
  end
  return list
end

-- Those whose time of keeping begins: a child is kept as long as its parent.
local function not_kept(batch, ids)
  if not next(batch.kept) then
    return ids
  end
  local list = {}
  for i = 1, #ids do
    if not batch.kept[ids[i]] then
      list[#list + 1] = ids[i]
    end
  end
  return list
end

-- Runs that have finished leave the running ones. Whatever deadline they had
-- is over.
local function end_runs(batch, state, ids)
  local p = batch.p
  call_many('ZREM', p .. 'runs:running', nil, ids)
  call_many('ZADD', p .. 'runs:' .. state, nil, with_score('0', ids))
  call_many('ZADD', p .. 'finished', nil, with_score(batch.finished_at,
    not_kept(batch, ids)))
  drop_deadlines(p, ids)
  count(batch, RUNS[state], #ids)
end

local function batch_end(batch)
  local p = batch.p
  if batch.finished_at and call('EXISTS', p .. 'children') == 1 then
    child.settle_parents(batch)
  end
  for queue, list in pairs(batch.entries) do
    local key = p .. 'queue:' .. queue
    call_many('XACK', key, GROUP, list)
    call_many('XDEL', key, nil, list)
  end
  for state, list in pairs(batch.leaving) do
    call_many('ZREM', p .. 'runs:' .. state, nil, list)
  end
  for state, ids in pairs(batch.finished) do
    end_runs(batch, state, ids)
  end
  for name, increment in pairs(batch.counts) do
    call('HINCRBY', p .. 'counters', name, increment)
  end
end

