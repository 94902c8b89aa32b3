-- Looking at the whole: queues, workers, totals.

local stats = {}

local NAMES_MAX = 1000 -- queues or workers in one answer

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
function stats.queues(p)
  return json.object('queues', each_queue_state(p, clock()))
end

-- One worker; lease_end is nil for one that was declared lost.
local function worker_state(p, id, lease_end, now)
  local fields = call('HGETALL', p .. 'worker:' .. id)
  local of, queues = {}, {}
  for i = 1, #fields, 2 do
    of[fields[i]] = fields[i + 1]
  end
  for queue in string.gmatch(of.queues or '', '[^,]+') do
    queues[#queues + 1] = queue
  end
  local left = lease_end and lease_end - now
  return json.object('worker', json.text(id),
    'host', json.text(of.host), 'pid', json.number(of.pid),
    'version', json.text(of.version), 'slots', json.number(of.slots),
    'busy', json.number(of.busy), 'queues', json.texts(queues),
    'lease_ms', json.number(of.lease_ms), 'lease_left_ms', json.number(left),
    'registered_at', json.number(of.registered_at),
    'state', left and left > 0 and '"live"' or '"lost"')
end

-- Each worker. Returns JSON: workers; the lost ones stay for some seconds.
function stats.workers(p)
  local now, out = clock(), {}
  local leases = call('ZRANGE', p .. 'workers', 0, NAMES_MAX - 1, 'WITHSCORES')
  for i = 1, #leases, 2 do
    out[#out + 1] = worker_state(p, leases[i], tonumber(leases[i + 1]), now)
  end
  for _, id in ipairs(call('ZRANGE', p .. 'lost', 0, NAMES_MAX - 1)) do
    out[#out + 1] = worker_state(p, id, nil, now)
  end
  return json.object('workers', json.array(out))
end

-- Totals, queues, workers, due steps: all that metrics need. Returns JSON.
function stats.stats(p)
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
      'lost', json.number(call('ZCARD', p .. 'lost') +
        call('ZCOUNT', p .. 'workers', '-inf', now - 1))),
    'delayed', json.number(call('ZCARD', p .. 'delayed')),
    'next_due', json.number(due[2]),
    'runs', '{' .. table.concat(runs, ',') .. '}',
    'dead', json.number(call('XLEN', p .. 'dead')))
end

-- The version of the library, a number.
function stats.version()
  return VERSION
end

