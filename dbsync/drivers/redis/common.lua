-- SPDX-License-Identifier: Apache-2.0
-- What the scripts that write begin with. See row.h and log.h for the layout; a script is one transaction.
local base = KEYS[1]
local meta, rows, ages = base .. ':meta', base .. ':rows', base .. ':ages'
local leases, ttls = base .. ':leases', base .. ':ttls'
local LEASES = '_lease\0'
local LOG_ENTRIES, LOG_BYTES = 65536, 67108864
local JUMP = 1048576
local QUIET_MS = 5000
local revision, index, records, topics, size = 0, 0, {}, {}, 0

local function id(n)
    return string.format('%.0f', n)
end

local function words(text)
    local list = {}
    for word in string.gmatch(text, '[^ ]+') do
        list[word] = true
    end
    if next(list) == nil then
        list[''] = true
    end
    return list
end

local function topics_of(value)
    if not value then
        return {}
    end
    return words(string.sub(value, 11, 10 + struct.unpack('>I2', value, 9)))
end

-- Adds a record to the log of everything (nil) or of a topic.
local function tell(topic, kind, key, data)
    local name = topic and ':log:' .. topic or ':log'
    if not records[name] then
        records[name] = {}
        topics[#topics + 1] = name
    end
    local list = records[name]
    list[#list + 1] = struct.pack('>I4c1I2I4', index, kind, #key, #data) .. key .. data
end

-- Writes the entries of one revision, and takes the oldest ones away that are over the limits.
local function flush(at)
    for _, name in ipairs(topics) do
        local entry = table.concat(records[name])
        redis.call('XADD', base .. name, id(at) .. '-0', 't', entry)
        size = size + #entry
    end
    redis.call('RPUSH', ages, cmsgpack.pack({at, size, topics}))
    local used, n = redis.call('HINCRBY', meta, 'log_bytes', id(size)), redis.call('LLEN', ages)
    while n > 1 and (n > LOG_ENTRIES or used > LOG_BYTES) do
        local age = cmsgpack.unpack(redis.call('LPOP', ages))
        for _, name in ipairs(age[3]) do
            redis.call('XTRIM', base .. name, 'MINID', '=', id(age[1] + 1) .. '-0')
            if redis.call('XLEN', base .. name) == 0 then
                redis.call('UNLINK', base .. name)
            end
        end
        redis.call('HSET', meta, 'floor', id(age[1]))
        used = redis.call('HINCRBY', meta, 'log_bytes', id(-age[2]))
        n = n - 1
    end
    records, topics, size, index = {}, {}, 0, 0
end

-- Another server process than the one that wrote last: it may lack what that one had acknowledged. Revisions go on far
-- beyond what can have been lost, and the log says where. How far is each process' own (its run id is 40 random hex
-- digits): of two that follow the same one, and of which the first is lost whole, both would count alike otherwise.
local function begin(run)
    local had = redis.call('HMGET', meta, 'run', 'revision')
    if had[1] ~= run then
        local last = tonumber(had[2])
        local first = last + JUMP + (tonumber(string.sub(run, 1, 8), 16) or 0)
        redis.call('HSET', meta, 'run', run, 'revision', id(first))
        local before = struct.pack('>I8', last)
        tell(nil, 'T', '', before)
        tell('', 'T', '', before)
        flush(first)
    end
    revision = redis.call('HINCRBY', meta, 'revision', 1)
end

-- Writes a row (data nil: deletes it); old is its value up to now, or false.
local function put(key, old, data, text)
    local before, after = topics_of(old), data and words(text) or {}
    local kind = data and 'S' or 'D'
    tell(nil, kind, key, data or '')
    for topic in pairs(after) do
        if not before[topic] then
            redis.call('SADD', base .. ':of:' .. topic, key)
        end
        tell(topic, kind, key, data)
    end
    for topic in pairs(before) do
        if not after[topic] then
            redis.call('SREM', base .. ':of:' .. topic, key)
            tell(topic, data and 'L' or 'D', key, '')
        end
    end
    if data then
        redis.call('HSET', rows, key, struct.pack('>I8I2', revision, #text) .. text .. data)
    else
        redis.call('HDEL', rows, key)
    end
    index = index + 1
end

local function owner_of(value)
    return value and string.sub(value, 11)
end

local function now_ms()
    local time = redis.call('TIME')
    return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Leases whose holders were not heard of in time are given up. Where nobody at all was heard of for a while it was the
-- database that was away, not the holders: then each has its time again, once until it renews (its ttl is negative).
local function reap(run, now, except)
    local seen = tonumber(redis.call('HGET', meta, 'seen'))
    if math.abs(now - seen) >= QUIET_MS then
        for _, key in ipairs(redis.call('ZRANGE', leases, 0, -1)) do
            local ttl = tonumber(redis.call('HGET', ttls, key))
            if ttl > 0 then
                redis.call('ZADD', leases, now + ttl, key)
                redis.call('HSET', ttls, key, -ttl)
            end
        end
    end
    if math.abs(now - seen) >= 1000 then
        redis.call('HSET', meta, 'seen', id(now))
    end
    local ended = redis.call('ZRANGE', leases, '-inf', id(now), 'BYSCORE')
    for _, key in ipairs(ended) do
        if key ~= except then
            if revision == 0 then
                begin(run)
            end
            put(key, redis.call('HGET', rows, key), nil)
            redis.call('ZREM', leases, key)
            redis.call('HDEL', ttls, key)
        end
    end
end

local function count_replicas()
    local _, n = string.gsub(redis.call('INFO', 'replication'), 'state=online', '')
    return n
end

-- Is this the database that the caller knows?
local function is_known(history)
    return redis.call('HGET', meta, 'history') == history
end
