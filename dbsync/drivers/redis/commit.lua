-- SPDX-License-Identifier: Apache-2.0
-- run, history, how many replicas there must be, then for each operation: key, expected revision ('': any, '-': no row),
-- S or D, data, topics. Every answer ends with the number of replicas.
local replicas = count_replicas()
if not is_known(ARGV[2]) then
    return {'unknown'}
end
if replicas < tonumber(ARGV[3]) then
    return {'alone', replicas, replicas}
end
local old, changes = {}, 0
for i = 4, #ARGV, 5 do
    local key, expect, number = ARGV[i], ARGV[i + 1], (i - 4) / 5
    local value = redis.call('HGET', rows, key)
    if old[key] ~= nil then
        return {'twice', number, replicas}
    end
    if expect == '-' and value or #expect == 8 and (not value or string.sub(value, 1, 8) ~= expect) then
        return {'changed', number, replicas}
    end
    old[key] = value
    if value or ARGV[i + 2] == 'S' then
        changes = changes + 1
    end
end
if changes == 0 then
    return {'done', redis.call('HGET', meta, 'revision'), replicas}
end
begin(ARGV[1])
for i = 4, #ARGV, 5 do
    local key, is_set = ARGV[i], ARGV[i + 2] == 'S'
    if is_set or old[key] then
        put(key, old[key], is_set and ARGV[i + 3] or nil, ARGV[i + 4])
    end
end
flush(revision)
return {'done', id(revision), replicas}
