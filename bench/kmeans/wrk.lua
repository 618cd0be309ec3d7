-- Sends the request that run.py prepared and prints what was measured as one line of JSON.
-- REQUEST_FILE: first line "METHOD PATH", then "Name: value" lines, an empty line, the body.

local file = assert(io.open(os.getenv("REQUEST_FILE"), "rb"))
local head, body = file:read("*a"):match("^(.-)\n\n(.*)$")
file:close()
local headers = {}
for line in head:gmatch("[^\n]+") do
  local name, value = line:match("^([^:]+): (.*)$")
  if name then headers[name] = value end
end
wrk.method, wrk.path = head:match("^(%S+) (%S+)")
wrk.headers, wrk.body = headers, body

function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format('\nRESULT {"per_second": %f, "p50_us": %d, "p99_us": %d, "failed": %d}\n',
    summary.requests / (summary.duration / 1e6), latency:percentile(50), latency:percentile(99), failed))
end
