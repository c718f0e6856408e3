import EtcdMessages

/// `etcdserverpb.KV`.
extension Method {
  static let keys: [Method] = {
    let service = "etcdserverpb.KV"
    return [
      .unary(service, "Range", at: ["/kv/range"], codec: .range) {
        (services, request, head, reply) throws(RPCStatus) in
        try services.checkRight(request, head)
        try services.range(request, head, reply)
      },
      .unary(service, "Put", at: ["/kv/put"], codec: .put) {
        (services, request, head, reply) throws(RPCStatus) in
        try services.checkRight(request, head)
        try services.checkSpace()
        services.submit(.put(request), head, reply) { answer, header in
          if case .put(let previous) = answer { (header, previous) } else { (header, nil) }
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
      .unary(service, "Txn", at: ["/kv/txn"], codec: .txn) {
        (services, request, head, reply) throws(RPCStatus) in
        try services.check(request)
        try services.checkRight(request, head)
        if request.puts { try services.checkSpace() }
        services.submit(.txn(request), head, reply) { answer, header in
          if case .txn(let answer) = answer {
            (header, answer)
          } else {
            (header, TxnAnswer(hasSucceeded: false))
          }
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

extension CallCodec where Query == RangeRequest, Answer == (V3ResponseHeader, RangeAnswer) {
  fileprivate static var range: CallCodec {
    .plain(
      read: { RangeRequest(plain: $0) },
      value: { (query: V3RangeRequest) throws(RPCStatus) in try RangeRequest(query) },
      write: { header, answer in
        PlainWriter.message(capacity: answer.byteCount) {
          $0.range(answer)
          $0.header(header)
        }
      },
      message: { header, answer in
        var message = V3RangeResponse(answer)
        message.header = header
        return message
      })
  }
}

extension CallCodec where Query == PutRequest, Answer == (V3ResponseHeader, KeyValue?) {
  fileprivate static var put: CallCodec {
    .plain(
      read: { PutRequest(plain: $0) }, value: { (query: V3PutRequest) in PutRequest(query) },
      write: { header, previous in
        PlainWriter.message(capacity: 64) {
          if let previous { $0.pair(previous, 2) }
          $0.header(header)
        }
      },
      message: { header, previous in
        var message = V3PutResponse()
        message.header = header
        if let previous { message.prevKv = V3KeyValue(previous) }
        return message
      })
  }
}

extension CallCodec where Query == TxnRequest, Answer == (V3ResponseHeader, TxnAnswer) {
  fileprivate static var txn: CallCodec {
    .plain(
      read: { TxnRequest(plain: $0) },
      value: { (query: V3TxnRequest) throws(RPCStatus) in try TxnRequest(query) },
      write: { header, answer in
        PlainWriter.message(capacity: 256) {
          $0.txn(answer)
          $0.header(header)
        }
      },
      message: { header, answer in
        var message = V3TxnResponse(answer)
        message.header = header
        return message
      })
  }
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
    _ reply: @escaping CallReply<(V3ResponseHeader, RangeAnswer)>
  ) throws(RPCStatus) {
    let tree = self.store.currentRevisions
    let header = self.header(tree.revision)
    @Sendable func read() -> Result<(V3ResponseHeader, RangeAnswer), RPCStatus> {
      Result { () throws(RevisionError) in (header, try tree.range(request)) }
        .mapError(RPCStatus.init)
    }
    let isLarge = !request.countOnly && tree.count(in: request.range) > Self.largeRange
    guard isLarge || tree.mayReadTables(at: request.revision) else { return reply(read()) }
    self.store.readAside {
      let result = read()
      head.loop.execute { reply(result) }
    }
  }
}
