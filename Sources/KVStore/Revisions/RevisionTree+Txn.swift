extension RevisionTree {
  /// How many operations or comparisons a list of a transaction may have, unless the server says otherwise.
  package static let mostOperations = 128

  /// - Throws: for a request that can never be carried out, and when one of its operations cannot be.
  package mutating func txn(
    _ request: TxnRequest, mostOperations: Int = Self.mostOperations
  ) throws(RevisionError) -> TxnAnswer {
    try request.check(mostOperations: mostOperations)
    _ = try TxnRequest.Writes(request.success)
    _ = try TxnRequest.Writes(request.failure)
    let plan = self.plan(request)
    // All puts first, then all ranges, as in etcd: that decides which mistake is told.
    try self.checkPuts(plan)
    try self.checkRanges(plan)
    var writer = Writer(after: self.revision)
    // A copy makes the writing dearer. Only the tables can fail.
    let former = self.readsTables(plan) ? self : nil
    do throws(RevisionError) {
      let answer = try self.carryOut(plan, &writer)
      self.revision = writer.revision
      return answer
    } catch {
      if let former { self = former }
      throw error
    }
  }

  private func readsTables(_ plan: Plan) -> Bool {
    plan.steps.contains { step in
      switch step {
      case .plan(let plan): self.readsTables(plan)
      case .operation(.range(let request)): self.mayReadTables(at: request.revision)
      case .operation: false
      }
    }
  }

  /// What a transaction does, with all comparisons made: they see the keyspace as it was before.
  private struct Plan {
    let hasSucceeded: Bool
    let steps: [Step]

    enum Step {
      case operation(TxnRequest.Operation)
      case plan(Plan)
    }
  }

  private func plan(_ request: TxnRequest) -> Plan {
    let hasSucceeded = request.comparisons.allSatisfy(self.holds)
    return Plan(
      hasSucceeded: hasSucceeded,
      steps: (hasSucceeded ? request.success : request.failure).map { operation in
        if case .txn(let request) = operation {
          .plan(self.plan(request))
        } else {
          .operation(operation)
        }
      })
  }

  /// Whether all puts that will be carried out can be.
  private func checkPuts(_ plan: Plan) throws(RevisionError) {
    for step in plan.steps {
      switch step {
      case .plan(let plan): try self.checkPuts(plan)
      case .operation(.put(let request)): try self.check(request)
      case .operation: break
      }
    }
  }

  private func checkRanges(_ plan: Plan) throws(RevisionError) {
    for step in plan.steps {
      switch step {
      case .plan(let plan): try self.checkRanges(plan)
      case .operation(.range(let request)): try self.check(request)
      case .operation: break
      }
    }
  }

  private mutating func carryOut(
    _ plan: Plan, _ writer: inout Writer
  ) throws(RevisionError) -> TxnAnswer {
    var answer = TxnAnswer(hasSucceeded: plan.hasSucceeded)
    for step in plan.steps {
      switch step {
      case .plan(let plan): answer.parts.append(.txn(try self.carryOut(plan, &writer)))
      case .operation(.range(let request)):
        answer.parts.append(
          .range(
            try self.answer(request, present: writer.revision), revision: writer.revision))
      case .operation(.put(let request)):
        let previous = self.put(request, &writer)
        answer.parts.append(
          .put(previous: request.wantsPrevious ? previous : nil, revision: writer.revision))
      case .operation(.delete(let request)):
        let previous = self.delete(request.range, &writer)
        answer.parts.append(
          .delete(
            count: Int64(previous.count), previous: request.wantsPrevious ? previous : [],
            revision: writer.revision))
      case .operation(.txn), .operation(.empty): break
      }
    }
    return answer
  }

  // MARK: Comparisons

  /// Whether a comparison holds for each key of its range. A range without keys is judged as a missing key.
  private func holds(_ comparison: TxnCompare) -> Bool {
    var isEmpty = true
    var holds = true
    self.forEach(in: comparison.range) { pair in
      isEmpty = false
      holds = comparison.holds(for: pair)
      return holds
    }
    return isEmpty ? comparison.holds(for: nil) : holds
  }
}

extension TxnCompare {
  /// - Parameter pair: `nil` for a missing key, whose numbers are 0, and whose value is like none.
  fileprivate func holds(for pair: KeyValue?) -> Bool {
    switch self.target {
    case .version(let number): self.holds(pair?.version ?? 0, number)
    case .create(let number): self.holds(pair?.createRevision ?? 0, number)
    case .mod(let number): self.holds(pair?.modRevision ?? 0, number)
    case .lease(let number): self.holds(pair?.lease ?? 0, number)
    case .value(let value):
      pair.map { self.holds(RevisionKey($0.value), RevisionKey(value)) } ?? false
    }
  }

  private func holds<Value: Comparable>(_ found: Value, _ wanted: Value) -> Bool {
    switch self.relation {
    case .equal: found == wanted
    case .notEqual: found != wanted
    case .greater: found > wanted
    case .less: found < wanted
    case .unknown: true
    }
  }
}

extension TxnRequest {
  /// - Parameter mostOperations: what is left of it by the lists around.
  func check(mostOperations: Int) throws(RevisionError) {
    let count = max(self.comparisons.count, self.success.count, self.failure.count)
    guard count <= mostOperations else { throw .tooManyOperations }
    for comparison in self.comparisons where comparison.range.start.bytes.isEmpty {
      throw .emptyKey
    }
    for operation in self.success + self.failure {
      switch operation {
      case .range(let request): try request.check()
      case .put(let request): try request.check()
      case .delete(let request): try request.check()
      case .txn(let request): try request.check(mostOperations: mostOperations - count)
      case .empty: throw .keyNotFound
      }
    }
  }

  /// What the operations of a list can write, those of inner transactions included. No key may be put twice, or put
  /// and deleted, by operations that can be carried out together.
  fileprivate struct Writes {
    var puts: Set<RevisionKey> = []
    var deletions: [KeyRange] = []

    init(_ operations: [Operation]) throws(RevisionError) {
      // etcd does not count a deletion of all keys from one on: its intervals do not know that end.
      for case .delete(let request) in operations where request.range.end != KeyRange.End.none {
        self.deletions.append(request.range)
      }
      for case .txn(let request) in operations {
        let (success, failure) = (try Writes(request.success), try Writes(request.failure))
        try self.add(success.puts)
        // Only one of the two branches is carried out.
        try self.add(failure.puts.subtracting(success.puts))
        self.deletions += success.deletions + failure.deletions
      }
      for case .put(let request) in operations { try self.add([request.key]) }
    }

    private mutating func add(_ keys: Set<RevisionKey>) throws(RevisionError) {
      for key in keys
      where self.puts.contains(key) || self.deletions.contains(where: { $0.contains(key) }) {
        throw .duplicateKey
      }
      self.puts.formUnion(keys)
    }
  }
}
