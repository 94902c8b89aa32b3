-- Calls that would find nothing left to do, were they said again.
--
-- Who did not hear the answer calls again. Most functions then answer as they
-- did before; retry, forget and drop would find nothing left to do. So their
-- callers say who calls, and which of his calls it is, in a last argument
-- `once:<caller>.<number>`: the last answer to each caller is kept a while.

local ONCE = '^once:(%w+)%.(%d+)$'
local ONCE_MS = 600000

-- A function that does what body does, but for each `once:` a single time.
local function once(body)
  return function(p, args)
    local caller, number = string.match(args[#args] or '', ONCE)
    if not caller then
      return body(p, args)
    end
    local key = p .. 'once:' .. caller
    local last, answer = string.match(call('GET', key) or '', '^(%d+) (.*)$')
    if last ~= number then
      answer = body(p, { unpack(args, 1, #args - 1) })
      call('SET', key, number .. ' ' .. answer, 'PX', ONCE_MS)
    end
    return answer
  end
end

