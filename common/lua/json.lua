-- JSON, for people. cjson confuses {} with [] and rounds numbers, and
-- payloads are msgpack: so the answers are written here.

local json = {}

do -- what has a name below is of this file alone

local ESCAPES = {
  ['"'] = '\\"', ['\\'] = '\\\\', ['\n'] = '\\n', ['\r'] = '\\r',
  ['\t'] = '\\t',
}

local function escape(c)
  return ESCAPES[c] or string.format('\\u%04x', string.byte(c))
end

function json.text(s)
  return s and '"' .. string.gsub(s, '[%c"\\\127]', escape) .. '"' or nil
end

function json.number(n)
  n = tonumber(n)
  if not n then
    return nil
  end
  if n == math.floor(n) and math.abs(n) < 1e18 then
    return string.format('%.0f', n)
  end
  -- JSON has no infinities; nothing of ours makes one, but a payload may.
  if n ~= n or n >= math.huge or n <= -math.huge then
    return 'null'
  end
  return string.format('%.17g', n)
end

function json.boolean(b)
  return b and 'true' or 'false'
end

-- json.object(name, value, name, value...): values are JSON; nil and false
-- leave the member out.
function json.object(...)
  local members, parts = { ... }, {}
  for i = 1, select('#', ...), 2 do
    local value = members[i + 1]
    if value then
      parts[#parts + 1] = '"' .. members[i] .. '":' .. value
    end
  end
  return '{' .. table.concat(parts, ',') .. '}'
end

function json.array(list)
  return '[' .. table.concat(list, ',') .. ']'
end

function json.texts(list)
  local out = {}
  for i = 1, #list do
    out[i] = json.text(list[i])
  end
  return json.array(out)
end

-- msgpack to JSON, byte by byte. Each reader gets the bytes, the position
-- behind the tag and the depth; it returns JSON and the position behind it.
local MSGPACK_DEPTH_MAX = 100
local msgpack

local function msgpack_text(bytes, at, len)
  return json.text(string.sub(bytes, at, at + len - 1)), at + len
end

local function msgpack_array(bytes, at, len, depth)
  local out = {}
  for i = 1, len do
    out[i], at = msgpack(bytes, at, depth + 1)
  end
  return json.array(out), at
end

local function msgpack_map(bytes, at, len, depth)
  local out = {}
  for i = 1, len do
    local name, value
    name, at = msgpack(bytes, at, depth + 1)
    value, at = msgpack(bytes, at, depth + 1)
    out[i] = name .. ':' .. value
  end
  return '{' .. table.concat(out, ',') .. '}', at
end

local SIZED = { -- tag: the format of the length, then what follows
  [0xc4] = { '>I1', msgpack_text }, [0xc5] = { '>I2', msgpack_text },
  [0xc6] = { '>I4', msgpack_text }, [0xd9] = { '>I1', msgpack_text },
  [0xda] = { '>I2', msgpack_text }, [0xdb] = { '>I4', msgpack_text },
  [0xdc] = { '>I2', msgpack_array }, [0xdd] = { '>I4', msgpack_array },
  [0xde] = { '>I2', msgpack_map }, [0xdf] = { '>I4', msgpack_map },
}
local NUMBERS = {
  [0xca] = '>f', [0xcb] = '>d', [0xcc] = '>I1', [0xcd] = '>I2',
  [0xce] = '>I4', [0xcf] = '>I8', [0xd0] = '>i1', [0xd1] = '>i2',
  [0xd2] = '>i4', [0xd3] = '>i8',
}
local WORDS = { [0xc0] = 'null', [0xc2] = 'false', [0xc3] = 'true' }

msgpack = function(bytes, at, depth)
  local tag = string.byte(bytes, at)
  if not tag or depth > MSGPACK_DEPTH_MAX then
    error({ complaint = 'INPUT a stored value is damaged' })
  end
  at = at + 1
  if tag < 0x80 then
    return tostring(tag), at
  elseif tag < 0x90 then
    return msgpack_map(bytes, at, tag - 0x80, depth)
  elseif tag < 0xa0 then
    return msgpack_array(bytes, at, tag - 0x90, depth)
  elseif tag < 0xc0 then
    return msgpack_text(bytes, at, tag - 0xa0)
  elseif tag >= 0xe0 then
    return tostring(tag - 256), at
  elseif WORDS[tag] then
    return WORDS[tag], at
  elseif NUMBERS[tag] then
    local number, behind = struct.unpack(NUMBERS[tag], bytes, at)
    return json.number(number), behind
  elseif SIZED[tag] then
    local len, behind = struct.unpack(SIZED[tag][1], bytes, at)
    return SIZED[tag][2](bytes, behind, len, depth)
  end
  error({ complaint = 'INPUT a stored value is damaged' })
end

-- JSON of a stored value; nil where there is none.
function json.msgpack(bytes)
  if not bytes or bytes == '' then
    return nil
  end
  return (msgpack(bytes, 1, 0))
end

end

