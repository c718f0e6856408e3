import Synchronization

/// Successes and failures of each kind of operation since the start.
///
/// Counting is one atomic addition, since every GET counts. Requests with invalid parameters do not reach
/// the store and are not counted.
/// Source: `Stats` and `metrics.go` of etcd's v2store.
final class StoreStatistics: Sendable {
  final class Tally: Sendable {
    private let successCount = Atomic(0)
    private let failureCount = Atomic(0)

    var successes: Int { self.successCount.load(ordering: .relaxed) }
    var failures: Int { self.failureCount.load(ordering: .relaxed) }

    func add(succeeded: Bool) {
      if succeeded {
        self.successCount.add(1, ordering: .relaxed)
      } else {
        self.failureCount.add(1, ordering: .relaxed)
      }
    }
  }

  let get = Tally()
  let getRecursive = Tally()
  /// Requested watches.
  let watch = Tally()
  private let writes = Dictionary(
    uniqueKeysWithValues: Event.Action.allCases.map { ($0, Tally()) })

  /// - Parameter action: of a GET the one without `recursive`.
  subscript(action: Event.Action) -> Tally {
    action == .get ? self.get : self.writes[action, default: self.get]
  }

  func count(_ action: Event.Action, succeeded: Bool) {
    self[action].add(succeeded: succeeded)
  }

  /// The sixteen counters of `/v2/stats/store`.
  func json(watcherCount: Int) -> String {
    var members = [
      ("getsSuccess", self.get.successes + self.getRecursive.successes),
      ("getsFail", self.get.failures + self.getRecursive.failures),
    ]
    for (name, action) in [
      ("sets", Event.Action.set), ("delete", .delete), ("update", .update), ("create", .create),
      ("compareAndSwap", .compareAndSwap), ("compareAndDelete", .compareAndDelete),
    ] {
      members.append((name + "Success", self[action].successes))
      members.append((name + "Fail", self[action].failures))
    }
    members += [("expireCount", self[.expire].successes), ("watchers", watcherCount)]
    return "{" + members.map { "\"\($0)\":\($1)" }.joined(separator: ",") + "}"
  }
}

extension Command {
  /// The action of this command's event, also for counting a failure.
  var action: Event.Action {
    switch self {
    case .set: .set
    case .create, .createInOrder: .create
    case .update: .update
    case .compareAndSwap: .compareAndSwap
    case .delete: .delete
    case .compareAndDelete: .compareAndDelete
    case .expire: .expire
    }
  }
}
