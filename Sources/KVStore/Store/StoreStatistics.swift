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
  let set = Tally()
  let create = Tally()
  let update = Tally()
  let compareAndSwap = Tally()
  let delete = Tally()
  let compareAndDelete = Tally()
  let expire = Tally()
  /// Requested watches.
  let watch = Tally()

  func count(_ action: Event.Action, succeeded: Bool) {
    self.tally(of: action).add(succeeded: succeeded)
  }

  private func tally(of action: Event.Action) -> Tally {
    switch action {
    case .get: self.get
    case .set: self.set
    case .create: self.create
    case .update: self.update
    case .compareAndSwap: self.compareAndSwap
    case .delete: self.delete
    case .compareAndDelete: self.compareAndDelete
    case .expire: self.expire
    }
  }

  /// The sixteen counters of `/v2/stats/store`.
  func json(watcherCount: Int) -> String {
    let gets = (
      successes: self.get.successes + self.getRecursive.successes,
      failures: self.get.failures + self.getRecursive.failures
    )
    let members = [
      ("getsSuccess", gets.successes), ("getsFail", gets.failures),
      ("setsSuccess", self.set.successes), ("setsFail", self.set.failures),
      ("deleteSuccess", self.delete.successes), ("deleteFail", self.delete.failures),
      ("updateSuccess", self.update.successes), ("updateFail", self.update.failures),
      ("createSuccess", self.create.successes), ("createFail", self.create.failures),
      ("compareAndSwapSuccess", self.compareAndSwap.successes),
      ("compareAndSwapFail", self.compareAndSwap.failures),
      ("compareAndDeleteSuccess", self.compareAndDelete.successes),
      ("compareAndDeleteFail", self.compareAndDelete.failures),
      ("expireCount", self.expire.successes), ("watchers", watcherCount),
    ]
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
