-- Swap one subject's record if nobody else has written it, and announce that as the last step.
--
-- KEYS[1]  <prefix>:<encoded subject>, a string: eight bytes of etag, then the payload, which is never looked into
-- ARGV[1]  the etag that must be stored; empty: nothing may be stored
-- ARGV[2]  the new record in the same form; empty: delete
-- ARGV[3]  when the server may forget the record, in Unix milliseconds, at least 1
-- ARGV[4]  the channel to announce on; empty: announce nothing
-- ARGV[5]  the announcement: the encoded subject
-- ARGV[6]  "1": only if the record does not grow, because this runs beyond the memory limit
--
-- Returns  0  lost: somebody else has written, nothing was changed
--          1  done
--          2  done, but the server refused the announcement (ACL channels)
--          3  nothing was changed: the record would grow
--
-- What is stored but not one of our records (another type, too short) has the etag "corrupt!".

local CORRUPT = 'corrupt!'

local etag = redis.pcall('GETRANGE', KEYS[1], 0, 7)
if type(etag) == 'table' then
    if not string.find(etag.err, 'WRONGTYPE', 1, true) then
        return etag
    end
    etag = CORRUPT
elseif #etag < 8 and (#etag > 0 or redis.call('EXISTS', KEYS[1]) == 1) then
    etag = CORRUPT
end

if etag ~= ARGV[1] then
    return 0
end

if ARGV[2] == '' then
    redis.call('DEL', KEYS[1])
else
    if ARGV[6] == '1' and (etag == CORRUPT or #ARGV[2] > redis.call('STRLEN', KEYS[1])) then
        return 3
    end
    redis.call('SET', KEYS[1], ARGV[2], 'PXAT', ARGV[3])
end

if ARGV[4] ~= '' then
    local heard = redis.pcall('PUBLISH', ARGV[4], ARGV[5])
    if type(heard) == 'table' then
        return 2
    end
end
return 1
