-- The public functions: `treadle_<name>`, one key, the partition.

local READ = { 'no-writes' }
local FREES = { 'allow-oom' } -- ends or frees work: goes on when memory is full
local ADDS = {}               -- takes memory: refused then

-- A complaint becomes an error that says just that; what else goes wrong
-- keeps Redis' own words.
local function guarded(body)
  return function(keys, args)
    call = redis.call
    if #keys ~= 1 then
      return redis.error_reply("USAGE the one key is the partition: " ..
        "FCALL treadle_version 1 'treadle:{0}'")
    end
    local ok, answer = pcall(body, keys[1] .. ':', args)
    if ok then
      return answer
    elseif type(answer) == 'table' and answer.complaint then
      return redis.error_reply(answer.complaint)
    end
    error(answer)
  end
end

local function public(name, body, flags)
  redis.register_function({ function_name = 'treadle_' .. name,
    callback = guarded(body), flags = flags })
end

public('define', submit.define, ADDS)
public('submit', submit.submit, ADDS)

public('register', worker.register, ADDS)
public('heartbeat', worker.heartbeat, FREES)
public('take', step.take, ADDS)
public('expand', each.expand, ADDS)
public('results', each.results, READ)
public('complete', step.complete, FREES)
public('fail', step.fail, FREES)
public('defer', step.defer, FREES)
public('release', step.release, FREES)
public('spawn', child.spawn, ADDS)
public('note', step.note, ADDS)
public('recall', cache.recall, FREES)
public('remember', cache.remember, FREES)
public('hold', blob.hold, FREES)
public('collect', blob.collect, FREES)
public('leave', worker.leave, FREES)
public('definition', worker.definition, READ)

public('promote', timer.promote, FREES)
public('reclaim', reclaim.reclaim, FREES)
public('sweep', timer.sweep, FREES)
public('probe', timer.probe, ADDS)
public('stats', stats.stats, READ)

public('cancel', control.cancel, FREES)
public('retry', control.retry, ADDS)
public('fork', fork.fork, ADDS)
public('signal', signal.signal, ADDS)
public('forget', control.forget, FREES)
public('drop', control.drop, FREES)
public('pause', control.pause, FREES)
public('resume', control.resume, FREES)
public('mend', mend.mend, FREES)
public('apply', named.apply, ADDS)
public('unapply', named.unapply, FREES)

public('version', stats.version, READ)
public('find', list.find, READ)
public('workflows', named.workflows, READ)
public('status', inspect.status, READ)
public('list', list.list, READ)
public('dead', list.dead, READ)
public('logs', inspect.logs, READ)
public('queues', stats.queues, READ)
public('workers', stats.workers, READ)
