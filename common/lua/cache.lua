-- The result cache: what steps gave, kept for a time under a hash of what they
-- were to do, as "<run>/<step> <output>". Workers make the hash: they know the
-- parameters (worker/recall.c). The cache is there for speed alone: what is in
-- it may be deleted at any time, and it takes no memory that runs may need.

local cache = {}

-- Looks outputs up. (RUN KEY)... Returns for each what is kept, or false; and
-- false for runs that were submitted without the cache.
-- Afterwards: it is counted how many were found.
function cache.recall(p, args)
  if #args == 0 or #args % 2 ~= 0 then
    complain('USAGE', 'recall takes (RUN KEY)...')
  end
  local batch, answer = batch_new(p), {}
  for i = 1, #args, 2 do
    local kept = call('HEXISTS', p .. 'run:' .. args[i], 'no_cache') == 0 and
      call('GET', p .. 'cache:' .. args[i + 1])
    answer[#answer + 1] = kept
    count(batch, kept and 'cache_hits' or 'cache_misses')
  end
  batch_end(batch)
  return answer
end

-- Keeps outputs that were committed. (KEY TTL_MS RUN STEP OUTPUT)... Returns
-- KEPT, or FULL where Redis has little memory left: nothing has happened.
-- Afterwards, if KEPT: each is found for TTL_MS, whatever was there before.
function cache.remember(p, args)
  if #args == 0 or #args % 5 ~= 0 then
    complain('USAGE', 'remember takes (KEY TTL_MS RUN STEP OUTPUT)...')
  end
  for i = 1, #args, 5 do
    to_number(args[i + 1], 'TTL_MS')
  end
  if not memory.has_plenty(clock()) then
    return status('FULL')
  end
  for i = 1, #args, 5 do
    call('SET', p .. 'cache:' .. args[i],
      args[i + 2] .. '/' .. args[i + 3] .. ' ' .. args[i + 4],
      'PX', args[i + 1])
  end
  return status('KEPT')
end
