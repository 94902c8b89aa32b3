-- Names: workflows that were applied. A name stands for one definition, which
-- is never swept as long as it does; runs of another one, that the name stood
-- for before, are pinned to theirs and go on.
--
-- `named` holds the digest of each; `applied_at`, in the definition, says that
-- it is so, and since when.

local named = {}

do -- what has a name below is of this file alone

local NAMES_MAX = 1000 -- one answer lists them all

-- The name does not stand for that definition any more.
local function release(p, digest, now)
  call('HDEL', p .. 'def:' .. digest, 'applied_at')
  run.list_definition(p, digest, now)
end

-- Stores a definition under its digest, and its name for it.
-- DIGEST CANONICAL GRAPH [ONCE]. Returns JSON: workflow, definition, change
-- (created, changed, unchanged), before.
-- Afterwards: the name stands for this definition.
named.apply = once(function(p, args)
  if #args ~= 3 or args[1] == '' then
    complain('USAGE', 'apply takes DIGEST CANONICAL GRAPH')
  end
  local digest, now = args[1], clock()
  local name = cmsgpack.unpack(args[3]).name
  local before = call('HGET', p .. 'named', name)
  if not before and call('HLEN', p .. 'named') >= NAMES_MAX then
    complain('CONFLICT', 'there are %d applied workflows, and can be no more' ..
      ' (remove some: treadle workflows --remove NAME)', NAMES_MAX)
  end
  local is_known =
    submit.store_definition(p, digest, args[2], args[3], now)
  if before ~= digest or not is_known then
    call('HSET', p .. 'named', name, digest)
    call('HSET', p .. 'def:' .. digest, 'applied_at', text_of(now))
    run.list_definition(p, digest, now)
  end
  if before and before ~= digest then
    release(p, before, now)
  end
  return json.object('workflow', json.text(name),
    'definition', json.text(digest),
    'change', not before and '"created"' or
      before == digest and '"unchanged"' or '"changed"',
    'before', json.text(before))
end)

-- The applied workflows that perform the one of that name.
local function performed_by(p, name)
  local found, names = {}, call('HGETALL', p .. 'named')
  for i = 1, #names, 2 do
    local performs = call('HGET', p .. 'def:' .. names[i + 1], 'performs')
    if string.find(' ' .. (performs or '') .. ' ', ' ' .. name .. ' ', 1,
        true) then
      found[#found + 1] = names[i]
    end
  end
  table.sort(found)
  return found
end

-- Removes a name; its runs go on. NAME [ONCE]. Returns JSON: workflow,
-- definition. Afterwards: nothing can be submitted by that name.
named.unapply = once(function(p, args)
  local name = args[1] or ''
  local digest = call('HGET', p .. 'named', name)
  if not digest then
    complain('ABSENT', 'no workflow "%s" is applied (see: treadle workflows)',
      name)
  end
  local others = performed_by(p, name)
  if others[1] then
    complain('CONFLICT', 'workflow "%s" is performed by %s: remove that first',
      name, table.concat(others, ', '))
  end
  call('HDEL', p .. 'named', name)
  release(p, digest, (clock()))
  return json.object('workflow', json.text(name),
    'definition', json.text(digest))
end)

local function named_json(p, name, digest)
  local v = call('HMGET', p .. 'def:' .. digest, 'applied_at', 'steps',
    'description', 'performs')
  local performs = {}
  for other in string.gmatch(v[4] or '', '%S+') do
    performs[#performs + 1] = other
  end
  local last = call('LINDEX', p .. 'recent:' .. name, -1)
  return json.object('workflow', json.text(name),
    'definition', json.text(digest), 'applied_at', json.number(v[1]),
    'steps', json.number(v[2]), 'description', json.text(v[3]),
    'performs', json.texts(performs),
    'last_run', last and json.text(string.sub(last, -RUN_ID_LENGTH)))
end

-- What is applied, by name, or the one of that NAME. Returns JSON: workflows.
function named.workflows(p, args)
  local names, out = { optional(args, 1) }, {}
  if not names[1] then
    names = call('HKEYS', p .. 'named')
    table.sort(names)
  end
  for i = 1, math.min(#names, NAMES_MAX) do
    local digest = call('HGET', p .. 'named', names[i])
    if digest then
      out[#out + 1] = named_json(p, names[i], digest)
    end
  end
  return json.object('workflows', json.array(out))
end

end
