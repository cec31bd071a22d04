-- What wrk sends. Arguments: scenario, key, round, and how many numbers there are.
local scenario, key, round, numbers

local function number(i) return string.format("01980000-0000-7000-8000-%012x", i) end
local function campaign(i) return string.format("01980000-0000-7000-8001-%012x", i) end

-- Two campaigns of this round alone: whatever a number was on before, the first one is another.
local first, second
-- Where this round has put a number.
local at = {}

function init(args)
  scenario, key, round, numbers = args[1], args[2], tonumber(args[3]), tonumber(args[4])
  first, second = 2 * round + 1, 2 * round + 2
  math.randomseed(round + 1)
end

local function attach()
  -- Half of the requests move a number; half find it on its campaign already: numbers of the upper half never move.
  local half = numbers / 2
  local i, target
  if math.random(2) == 1 then
    i = math.random(half)
    target = at[i] == first and second or first
    at[i] = target
  else
    i = half + math.random(half)
    target = 0
  end
  return wrk.format("POST", "/v1/phone-numbers/" .. number(i) .. "/campaign", {
    ["Authorization"] = "Bearer " .. key, ["Content-Type"] = "application/json", ["Host"] = wrk.headers["Host"],
  }, '{"campaign_id": "' .. campaign(target) .. '"}')
end

local function get(path)
  return wrk.format("GET", path, { ["Authorization"] = "Bearer " .. key, ["Host"] = wrk.headers["Host"] })
end

function request()
  if scenario == "attach" then return attach() end
  if scenario == "get" then return get("/v1/phone-numbers/" .. number(math.random(numbers))) end
  return get("/v1/phone-numbers?limit=100")
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\nRESULT {"requests": %d, "seconds": %f, "p50": %f, "p99": %f, "failed": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout
  ))
end
