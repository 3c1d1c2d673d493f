-- SPDX-License-Identifier: Apache-2.0
-- run, history, name, owner: gives a lease up.
if not is_known(ARGV[2]) then
    return {'unknown'}
end
local key = LEASES .. ARGV[3]
local old = redis.call('HGET', rows, key)
if owner_of(old) ~= ARGV[4] then
    return {'lost'}
end
begin(ARGV[1])
put(key, old, nil)
redis.call('ZREM', leases, key)
redis.call('HDEL', ttls, key)
flush(revision)
return {'done'}
