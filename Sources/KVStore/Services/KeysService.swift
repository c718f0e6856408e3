import EtcdMessages

/// `etcdserverpb.KV`.
extension Method {
  static let keys: [Method] = {
    let service = "etcdserverpb.KV"
    return [
      .unary(service, "Range", at: "/kv/range") {
        (services, query: V3RangeRequest, head, reply) throws(RPCStatus) in
        let request = try RangeRequest(query)
        try services.checkRight(request, head)
        try services.range(request, head, reply)
      },
      .unary(service, "Put", at: "/kv/put") {
        (services, query: V3PutRequest, head, reply) throws(RPCStatus) in
        let request = PutRequest(query)
        try services.checkRight(request, head)
        try services.checkSpace()
        services.submit(.put(request), head, reply) { answer, header in
          var message = V3PutResponse()
          message.header = header
          if case .put(let previous?) = answer { message.prevKv = V3KeyValue(previous) }
          return message
        }
      },
      .unary(service, "DeleteRange", at: "/kv/deleterange") {
        (services, query: V3DeleteRangeRequest, head, reply) throws(RPCStatus) in
        let request = DeleteRequest(query)
        try services.checkRight(request, head)
        services.submit(.delete(request), head, reply) { answer, header in
          var message = V3DeleteRangeResponse()
          if case .delete(let count, let previous) = answer {
            message = V3DeleteRangeResponse(count: Int64(count), previous: previous)
          }
          message.header = header
          return message
        }
      },
      .unary(service, "Txn", at: "/kv/txn") {
        (services, query: V3TxnRequest, head, reply) throws(RPCStatus) in
        let request = try TxnRequest(query)
        try services.check(request)
        try services.checkRight(request, head)
        if request.puts { try services.checkSpace() }
        services.submit(.txn(request), head, reply) { answer, header in
          var message = V3TxnResponse()
          if case .txn(let answer) = answer { message = V3TxnResponse(answer) }
          message.header = header
          return message
        }
      },
      .unary(service, "Compact", at: "/kv/compaction") {
        (services, query: V3CompactionRequest, head, reply) throws(RPCStatus) in
        services.submit(.compact(query.revision), head, reply) { _, header in
          var message = V3CompactionResponse()
          message.header = header
          return message
        }
      },
    ]
  }()
}

extension Services {
  /// A range with more keys is not read on an event loop.
  private static let largeRange = 256

  fileprivate func check(_ request: TxnRequest) throws(RPCStatus) {
    do throws(RevisionError) {
      try request.check(mostOperations: self.limits.operations)
    } catch {
      throw RPCStatus(error)
    }
  }

  fileprivate func range(
    _ request: RangeRequest, _ head: CallHead,
    _ reply: @escaping CallReply<V3RangeResponse>
  ) throws(RPCStatus) {
    let tree = self.store.currentRevisions
    let header = self.header(tree.revision)
    @Sendable func read() -> Result<V3RangeResponse, RPCStatus> {
      Result { () throws(RevisionError) in
        var message = V3RangeResponse(try tree.range(request))
        message.header = header
        return message
      }.mapError(RPCStatus.init)
    }
    guard tree.count(in: request.range) > Self.largeRange, !request.countOnly else {
      return reply(read())
    }
    self.store.readAside {
      let result = read()
      head.loop.execute { reply(result) }
    }
  }
}
