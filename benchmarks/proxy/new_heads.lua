-- Every request with a Referer of its own, so that no two heads are the same.
local number = 0
function request()
  number = number + 1
  wrk.headers["Referer"] = "http://app.localhost:8080/some/page?number=" .. number
  return wrk.format()
end
