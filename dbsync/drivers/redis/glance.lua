-- SPDX-License-Identifier: Apache-2.0
-- run, history, 'reap' or 'look': where the log ends and begins, and in how many ms a lease may end (-1: there is none).
if not is_known(ARGV[2]) then
    return {'unknown'}
end
local now = now_ms()
if ARGV[3] == 'reap' then
    reap(ARGV[1], now)
    if revision ~= 0 then
        flush(revision)
    end
end
local first = redis.call('ZRANGE', leases, 0, 0, 'WITHSCORES')
local at = redis.call('HMGET', meta, 'revision', 'floor')
return {'done', at[1], at[2], first[2] and math.floor(math.max(first[2] - now, 0)) or -1}
