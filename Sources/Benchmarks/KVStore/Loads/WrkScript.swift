extension RequestLoad.Pattern {
  /// The script that makes `wrk` send these requests, and print the line of ``WrkSummary`` at the end.
  ///
  /// Where all requests are equal, no Lua runs for each.
  /// Source: `SCRIPTING` of wrk 4.
  package var wrkScript: String {
    let text =
      switch self {
      case .getOne(let isQuorum):
        """
        wrk.path = "\(Keys.one)\(isQuorum ? "?quorum=true" : "")"
        """
      case .putOne:
        """
        wrk.method = "PUT"
        wrk.path = "\(Keys.one)"
        wrk.headers["Content-Type"] = "\(Keys.formType)"
        wrk.body = "value=\(Keys.value)"
        """
      case .getMany(let keyCount): Self.repeated(Self.get, keyCount)
      case .putMany(let keyCount): Self.repeated(Self.put, keyCount)
      case .mixed(let keyCount):
        """
        \(Self.split)
        local turn = 0
        function init()
          getBefore, getAfter = split(\(Self.get))
          putBefore, putAfter = split(\(Self.put))
        end
        function request()
          turn = turn + 1
          if turn % 10 == 0 then
            return putBefore .. math.random(\(keyCount)) .. putAfter
          end
          return getBefore .. math.random(\(keyCount)) .. getAfter
        end
        """
      case .renewLeases: Self.renewal
      }
    return text + "\n" + Self.done
  }

  /// Splits a request at the gap for the key's number.
  private static let split = """
    local function split(text) return text:match("^(.-)@(.*)$") end
    """

  /// One of that many keys in each request.
  private static func repeated(_ request: String, _ keyCount: Int) -> String {
    """
    \(self.split)
    function init()
      before, after = split(\(request))
    end
    function request()
      return before .. math.random(\(keyCount)) .. after
    end
    """
  }

  private static let get = #"wrk.format("GET", "\#(Keys.many)@")"#

  private static let put = """
    wrk.format("PUT", "\(Keys.many)@", {["Host"] = wrk.headers["Host"], \
    ["Content-Type"] = "\(Keys.formType)"}, "value=\(Keys.value)")
    """

  /// `idle` has the leases without a request under way. All connections of a thread share it: there are never more
  /// leases than connections (and one for the request that wrk builds to inspect it), and no lease is renewed twice at
  /// a time.
  private static let renewal = """
    \(Self.split)
    local idle, made = {}, 0
    function init()
      local function form(condition)
        return wrk.format("PUT", "\(Keys.lease)@" .. condition, {["Host"] = wrk.headers["Host"],
          ["Content-Type"] = "\(Keys.formType)"}, "value=node-1&ttl=30")
      end
      createBefore, createAfter = split(form(""))
      renewBefore, renewAfter = split(form("?prevIndex=@"))
      renewMiddle, renewAfter = split(renewAfter)
    end
    function request()
      local lease = table.remove(idle)
      if lease then
        return renewBefore .. lease.number .. renewMiddle .. lease.index .. renewAfter
      end
      made = made + 1
      return createBefore .. made .. createAfter
    end
    function response(status, headers, body)
      local number, index = body:match('"key":"/lease%-(%d+)".-"modifiedIndex":(%d+)')
      if number then idle[#idle + 1] = {number = number, index = index} end
    end
    """

  private static let done = """
    function done(summary, latency, requests)
      local errors = summary.errors
      print(string.format("requests=%d microseconds=%d refused=%d broken=%d", summary.requests,
        summary.duration, errors.status, errors.connect + errors.read + errors.write + errors.timeout))
    end
    """
}

/// The result of a run of `wrk`: the line that ``RequestLoad/Pattern/wrkScript`` prints.
package struct WrkSummary: Equatable, Sendable {
  package var requests: Int
  package var seconds: Double
  /// Answers with a status of 400 and more.
  package var refused: Int
  /// Connections that failed, and answers that took too long.
  package var broken: Int

  /// `nil` without that line.
  package init?(output: String) {
    let form = /requests=(\d+) microseconds=(\d+) refused=(\d+) broken=(\d+)/
    guard let match = output.firstMatch(of: form), let requests = Int(match.1),
      let microseconds = Double(match.2), let refused = Int(match.3), let broken = Int(match.4)
    else { return nil }
    self.requests = requests
    self.seconds = microseconds / 1e6
    self.refused = refused
    self.broken = broken
  }
}
