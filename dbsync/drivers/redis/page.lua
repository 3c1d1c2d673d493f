-- SPDX-License-Identifier: Apache-2.0
-- run, history, topic, cursor, count: the next rows of a topic, answered as HSCAN does.
if not is_known(ARGV[2]) then
    return redis.error_reply('UNKNOWN another database is here now')
end
local page, rowlist = redis.call('SSCAN', base .. ':of:' .. ARGV[3], ARGV[4], 'COUNT', ARGV[5]), {}
for _, key in ipairs(page[2]) do
    local value = redis.call('HGET', rows, key)
    if value then
        rowlist[#rowlist + 1] = key
        rowlist[#rowlist + 1] = value
    end
end
return {page[1], rowlist}
