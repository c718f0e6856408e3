/// What rights a request needs. A request is checked before the writer gets it.
extension Services {
  func checkRight(_ request: RangeRequest, _ head: CallHead) throws(RPCStatus) {
    try self.check(head) { $0.allows($1, .read, request.range) }
  }

  func checkRight(_ request: PutRequest, _ head: CallHead) throws(RPCStatus) {
    let tree = self.store.currentRevisions
    try self.check(head) { $0.allows($1, request, tree) }
  }

  func checkRight(_ request: DeleteRequest, _ head: CallHead) throws(RPCStatus) {
    try self.check(head) { $0.allows($1, request) }
  }

  func checkRight(_ request: TxnRequest, _ head: CallHead) throws(RPCStatus) {
    let tree = self.store.currentRevisions
    try self.check(head) { $0.allows($1, request, tree) }
  }

  func checkRight(revoking lease: Int64, _ head: CallHead) throws(RPCStatus) {
    let tree = self.store.currentRevisions
    // A lease without keys is nobody's.
    guard !tree.keys(of: lease).isEmpty else { return }
    try self.check(head) { $0.allows($1, writingKeysOf: lease, tree) }
  }
}

extension AccessRules {
  /// A pair that is shown has to be readable, and a lease brings its keys along.
  fileprivate func allows(_ user: String, _ request: PutRequest, _ tree: RevisionTree) -> Bool {
    let range = KeyRange(request.key, end: RevisionKey([]))
    return self.allows(user, .write, range)
      && (!request.wantsPrevious || self.allows(user, .read, range))
      && (request.lease == 0 || self.allows(user, writingKeysOf: request.lease, tree))
  }

  fileprivate func allows(_ user: String, _ request: DeleteRequest) -> Bool {
    self.allows(user, .write, request.range)
      && (!request.wantsPrevious || self.allows(user, .read, request.range))
  }

  /// The rights of both branches, whichever is carried out.
  fileprivate func allows(_ user: String, _ request: TxnRequest, _ tree: RevisionTree) -> Bool {
    request.comparisons.allSatisfy { self.allows(user, .read, $0.range) }
      && (request.success + request.failure).allSatisfy { operation in
        switch operation {
        case .range(let request): self.allows(user, .read, request.range)
        case .put(let request): self.allows(user, request, tree)
        case .delete(let request): self.allows(user, request)
        case .txn(let request): self.allows(user, request, tree)
        case .empty: true
        }
      }
  }

  fileprivate func allows(
    _ user: String, writingKeysOf lease: Int64, _ tree: RevisionTree
  ) -> Bool {
    tree.keys(of: lease).allSatisfy {
      self.allows(user, .write, KeyRange($0, end: RevisionKey([])))
    }
  }
}
