import Elector
import EtcdClient
import Glibc
import Logging
import ServiceLifecycle
import UnixSignals

// snippet: work
/// What only one of all processes is to do, for as long as it leads: here it counts.
struct Work: Service {
  let leadership: Leadership
  let say: @Sendable (String) -> Void

  func run() async throws {
    try? await cancelWhenGracefulShutdown {
      while true {
        do {
          try await self.leadership.withLeadership { term in
            for count in 1... {
              self.say("term \(term): \(count)")
              // Throws as soon as the leadership ends.
              try await Task.sleep(for: .seconds(1))
            }
          }
        } catch LeadershipError.lost(let term) {
          self.say("term \(term) is over")
        }
      }
    }
  }
}
// end

// snippet: herald
/// Says who leads.
struct Herald: Service {
  let leadership: Leadership
  let say: @Sendable (String) -> Void

  func run() async throws {
    for await change in self.leadership.changes.cancelOnGracefulShutdown() {
      switch change {
      case .leading(let term): self.say("we lead, in term \(term)")
      case .following(let leader?): self.say("\(leader) leads")
      case .following(nil): self.say("we do not lead")
      }
    }
  }
}
// end

// snippet: group
/// All that one process runs.
func candidate(
  _ name: String, at urls: String, signals: [UnixSignal] = [],
  say: @escaping @Sendable (String) -> Void
) throws -> ServiceGroup {
  var logger = Logger(label: "leader")
  logger.logLevel = .warning
  let leadership = try Leadership(
    name: name, key: "example", ttlSeconds: 10, endpoints: EtcdEndpoint.list(urls), logger: logger)
  return ServiceGroup(
    configuration: .init(
      // Stopped in the opposite order: the lease goes when the work has ended.
      services: [
        .init(service: leadership),
        .init(service: Herald(leadership: leadership, say: say)),
        .init(service: Work(leadership: leadership, say: say)),
      ],
      gracefulShutdownSignals: signals, logger: logger))
}
// end

@main struct Leader {
  static func main() async throws {
    let arguments = Array(CommandLine.arguments.dropFirst())
    guard arguments.count == 2 else {
      print("usage: Leader NAME URL[,URL...]\nfor example: Leader a http://127.0.0.1:2379")
      exit(2)
    }
    try await candidate(arguments[0], at: arguments[1], signals: [.sigterm, .sigint]) { line in
      print(line)
      // Also into a pipe at once.
      fflush(nil)
    }.run()
  }
}
