-- SPDX-License-Identifier: Apache-2.0
-- run, history, name, owner, ttl in ms: takes or renews a lease.
local run, history, name, owner, ttl = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
if not is_known(history) then
    return {'unknown'}
end
local key, now = LEASES .. name, now_ms()
reap(run, now, key)
local old = redis.call('HGET', rows, key)
local holder = owner_of(old)
if holder and holder ~= owner and tonumber(redis.call('ZSCORE', leases, key) or 0) > now then
    if revision ~= 0 then
        flush(revision)
    end
    return {'held', holder}
end
if holder ~= owner then
    if revision == 0 then
        begin(run)
    end
    put(key, old, owner, '')
end
redis.call('ZADD', leases, now + ttl, key)
if redis.call('HGET', ttls, key) ~= ARGV[5] then
    redis.call('HSET', ttls, key, ttl)
end
if revision ~= 0 then
    flush(revision)
end
return {'done'}
