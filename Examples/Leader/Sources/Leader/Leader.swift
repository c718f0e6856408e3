import Elector
import EtcdClient
import Glibc
import Logging
import ServiceLifecycle

/// What only one of all processes is to do, for as long as it leads: here it counts.
struct Work: Service {
  let leadership: Leadership

  func run() async throws {
    try? await cancelWhenGracefulShutdown {
      while true {
        do {
          try await self.leadership.withLeadership { term in
            for count in 1... {
              say("term \(term): \(count)")
              // Throws as soon as the leadership ends.
              try await Task.sleep(for: .seconds(1))
            }
          }
        } catch LeadershipError.lost(let term) {
          say("term \(term) is over")
        }
      }
    }
  }
}

/// Says who leads.
struct Herald: Service {
  let leadership: Leadership

  func run() async throws {
    for await change in self.leadership.changes.cancelOnGracefulShutdown() {
      switch change {
      case .leading(let term): say("we lead, in term \(term)")
      case .following(let leader?): say("\(leader) leads")
      case .following(nil): say("we do not lead")
      }
    }
  }
}

/// Also into a pipe at once.
func say(_ line: String) {
  print(line)
  fflush(nil)
}

@main struct Leader {
  static func main() async throws {
    let arguments = CommandLine.arguments.dropFirst()
    guard arguments.count >= 2, let name = arguments.first else {
      say("usage: Leader NAME URL...\nfor example: Leader a http://127.0.0.1:2379")
      exit(2)
    }
    var logger = Logger(label: "leader")
    logger.logLevel = .warning

    let leadership = try Leadership(
      name: name, key: "example", ttlSeconds: 10,
      endpoints: try arguments.dropFirst().map { try EtcdEndpoint($0) }, logger: logger)
    try await ServiceGroup(
      configuration: .init(
        // Stopped in the opposite order: the lease goes when the work has ended.
        services: [
          .init(service: leadership),
          .init(service: Herald(leadership: leadership)),
          .init(service: Work(leadership: leadership)),
        ],
        gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
    ).run()
  }
}
