-- The simulated clock: what stands between the library and Redis when it is
-- simulated. Each call brings the time as its last argument; whatever in
-- Redis depends on a clock is answered by that one. What the library keeps of
-- the memory is of another world's time: it is asked for anew where the time
-- is negative; else there is plenty left.

local simulated_now

-- XADD with an id that Redis makes. As in Redis an id never goes back, even
-- if the clock does.
local function simulated_xadd(...)
  local args, at = { ... }, nil
  for i = 2, #args do
    if args[i] == '*' then
      at = i
      break
    end
  end
  args[at] = string.format('%.0f-*', simulated_now)
  local id = redis.pcall('XADD', unpack(args))
  if type(id) == 'table' then
    local about = redis.call('XINFO', 'STREAM', args[1])
    for i = 1, #about, 2 do
      if about[i] == 'last-generated-id' then
        args[at] = string.match(about[i + 1], '^%d+') .. '-*'
      end
    end
    id = redis.call('XADD', unpack(args))
  end
  return id
end

-- Keys that end by themselves: when, is kept beside them.
local function simulated_expiry(key)
  return string.match(key, '^.-}:') .. 'simulated:expiry'
end

local simulated = {
  TIME = function()
    return { string.format('%.0f', math.floor(simulated_now / 1000)),
      string.format('%.0f', simulated_now % 1000 * 1000) }
  end,
  XADD = simulated_xadd,
  SET = function(key, value, px, ms)
    if not px then
      return redis.call('SET', key, value)
    end
    redis.call('HSET', simulated_expiry(key), key,
      string.format('%.0f', simulated_now + ms))
    return redis.call('SET', key, value)
  end,
  GET = function(key)
    local ends = redis.call('HGET', simulated_expiry(key), key)
    if ends and tonumber(ends) <= simulated_now then
      return false
    end
    return redis.call('GET', key)
  end,
  PTTL = function(key)
    local ends = redis.call('HGET', simulated_expiry(key), key)
    if ends and tonumber(ends) <= simulated_now then
      return -2
    end
    return ends and tonumber(ends) - simulated_now or redis.call('PTTL', key)
  end,
}

local function simulated_call(command, ...)
  local answer = simulated[command]
  if answer then
    return answer(...)
  end
  return redis.call(command, ...)
end

local function simulated_clock(args)
  local time = tonumber(table.remove(args))
  simulated_now = math.abs(time)
  memory.asked_at = time < 0 and math.huge or simulated_now
  memory.is_left, memory.is_plenty = true, true
  return simulated_call
end

