import Synchronization

/// How often each method of the v3 API was called, and how that ended.
final class CallStatistics: Sendable {
  final class Tally: Sendable {
    let service: String
    let method: String
    let isStream: Bool
    let started = Atomic(0)
    private let handled: [Atomic<Int>.Box]

    fileprivate init(_ method: Method) {
      self.service = method.service
      self.method = method.name
      self.isStream = method.isStream
      self.handled = RPCStatus.Code.allCases.map { _ in Atomic.Box() }
    }

    func ended(_ code: RPCStatus.Code) {
      self.handled[code.rawValue].value.add(1, ordering: .relaxed)
    }

    func count(_ code: RPCStatus.Code) -> Int {
      self.handled[code.rawValue].value.load(ordering: .relaxed)
    }
  }

  private let tallies: [String: Tally]
  let receivedBytes = Atomic(0)
  let sentBytes = Atomic(0)
  /// Leases that were kept alive.
  let renewals = Atomic(0)
  /// Keys that were put or deleted.
  let events = Atomic(0)

  init(_ methods: MethodTable = .standard) {
    self.tallies = methods.all.reduce(into: [:]) { $0[$1.path] = Tally($1) }
  }

  subscript(method: Method) -> Tally? { self.tallies[method.path] }

  /// In the order of their names.
  var all: [Tally] { self.tallies.sorted { $0.key < $1.key }.map(\.value) }

  func succeeded(_ path: String) -> Int { self.tallies[path]?.count(.ok) ?? 0 }
}

extension Atomic where Value == Int {
  /// An atomic value in a list.
  fileprivate final class Box: Sendable {
    let value = Atomic(0)
  }
}
