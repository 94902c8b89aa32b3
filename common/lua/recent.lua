-- Where the newest runs of each workflow are, so that those of a rare one are
-- found among a million of others without looking at them.
--
-- A list for each workflow, the newest behind, of 500 to 1000 elements, each
-- what one call has submitted: `<id>`, or `<least id> <greatest id>`, between
-- which runs of others may lie. So a call costs one push, whatever it brings,
-- and no run costs memory for ever. What was cut off is in the indexes by
-- state alone: the first element is then `below <id>`, the greatest of these.
-- The list goes when the last definition of its workflow is swept.

local recent = {}

local KEPT = 500
local KEPT_MAX = 1000

-- Every element ends with its greatest id.
local function greatest_of(element)
  return string.sub(element, -RUN_ID_LENGTH)
end

local function cut(key)
  local dropped, floor = call('LRANGE', key, 0, -KEPT - 1), ''
  for _, element in ipairs(dropped) do
    local id = greatest_of(element)
    if id > floor then
      floor = id
    end
  end
  call('LTRIM', key, -KEPT, -1)
  call('LPUSH', key, 'below ' .. floor)
end

-- New runs of a workflow.
function recent.add(p, workflow, ids)
  local key, least, greatest = p .. 'recent:' .. workflow, ids[1], ids[1]
  for i = 2, #ids do
    if ids[i] > greatest then
      greatest = ids[i]
    elseif ids[i] < least then
      least = ids[i]
    end
  end
  local element = #ids == 1 and least or least .. ' ' .. greatest
  if call('RPUSH', key, element) > KEPT_MAX then
    cut(key)
  end
end

-- The spans of ids { least, greatest } that hold the newest runs of a
-- workflow, sorted by the greatest, and the id above which that is all there
-- is: '' where nothing was cut off.
function recent.read(p, workflow)
  local kept = call('LRANGE', p .. 'recent:' .. workflow, 0, -1)
  local is_cut = kept[1] and string.sub(kept[1], 1, 6) == 'below '
  local spans, is_sorted = {}, true
  for i = #kept, is_cut and 2 or 1, -1 do
    local span = { string.sub(kept[i], 1, RUN_ID_LENGTH), greatest_of(kept[i]) }
    is_sorted = is_sorted and (#spans == 0 or span[2] < spans[#spans][2])
    spans[#spans + 1] = span
  end
  -- They come nearly in the order of their ids; to see that costs less.
  if not is_sorted then
    table.sort(spans, function(a, b) return a[2] > b[2] end)
  end
  return spans, is_cut and greatest_of(kept[1]) or ''
end

-- The library has written it: of a list's first, or any other.
local function is_element(text, is_first)
  local least, greatest = string.match(text, '^(%S+) (%S+)$')
  least, greatest = least or text, greatest or text
  return #greatest == RUN_ID_LENGTH and (is_first and least == 'below' or
    #least == RUN_ID_LENGTH and least <= greatest)
end

local function is_well(kept)
  for i, text in ipairs(kept) do
    if not is_element(text, i == 1) then
      return false
    end
  end
  return true
end

-- A list that begins anew knows of no run: all are below the greatest.
local function begin_anew(p, key)
  local greatest = ''
  for _, state in ipairs(STATES) do
    local id = call('ZRANGE', p .. 'runs:' .. state, -1, -1)[1]
    if id and id > greatest then
      greatest = id
    end
  end
  call('DEL', key)
  if greatest ~= '' then
    call('RPUSH', key, 'below ' .. greatest)
  end
end

local function holds(p, workflow, id)
  local spans, floor = recent.read(p, workflow)
  for _, span in ipairs(spans) do
    if span[1] <= id and id <= span[2] then
      return true
    end
  end
  return id <= floor
end

-- Mends the list of a workflow, and adds a run that it lacks: id, or '' for
-- none. Returns whether there was something to mend.
function recent.mend(p, workflow, id)
  local key = p .. 'recent:' .. workflow
  local is_run = call('HGET', p .. 'run:' .. id, 'workflow') == workflow
  local kept = call('LRANGE', key, 0, -1)
  if call('HEXISTS', p .. 'workflows', workflow) == 0 then
    return false -- what is counted there must be right first
  elseif not is_well(kept) or is_run and #kept == 0 then
    begin_anew(p, key)
  elseif is_run and not holds(p, workflow, id) then
    recent.add(p, workflow, { id })
  else
    return false
  end
  return true
end

-- A workflow has one definition more, or less.
function recent.count_definition(p, workflow, increment)
  if call('HINCRBY', p .. 'workflows', workflow, increment) <= 0 then
    call('HDEL', p .. 'workflows', workflow)
    call('DEL', p .. 'recent:' .. workflow)
  end
end

