-- SPDX-License-Identifier: Apache-2.0
-- run, history, how many replicas there must be: makes the database unless there is one.
local replicas = count_replicas()
if replicas < tonumber(ARGV[3]) then
    return {'alone', replicas, replicas}
end
if redis.call('EXISTS', meta) == 0 then
    redis.call('HSET', meta, 'version', '1', 'history', ARGV[2], 'run', ARGV[1], 'revision', 0, 'floor', 0,
        'log_bytes', 0, 'seen', id(now_ms()))
end
return {'done', 0, replicas}
