-- migrate_key: give a key and its hash fields the names of this version.
--
-- KEYS  old name, new name (the same one if only fields change)
-- ARGV  old field, new field, ... (none if the key is no hash)
-- Returns {'done', number of changes}
-- Guarantees: a new key or field is never overwritten, so a repeat changes nothing.

local function migrate_key(keys, args)
  local old, new = unpack(keys)
  local changes = 0
  if old ~= new and redis.call('EXISTS', old) == 1 then
    changes = redis.call('RENAMENX', old, new)
  end
  for index = 1, #args, 2 do
    local value = redis.call('HGET', new, args[index])
    if value then
      redis.call('HSETNX', new, args[index + 1], value)
      redis.call('HDEL', new, args[index])
      changes = changes + 1
    end
  end
  return {DONE, changes}
end

register('migrate_key', migrate_key)
