/// A request to `/v2/keys`.
///
/// Source: `parseKeyRequest` of etcd's `v2http/client.go` and `applyV2` of its server; the order of the
/// checks is theirs.
enum KeysRequest: Equatable, Sendable {
  case get(StorePath, isRecursive: Bool, isSorted: Bool)
  case watch(StorePath, isRecursive: Bool, isStream: Bool, waitIndex: UInt64?)
  /// With `actionOnly` the answer has no nodes.
  case change(Command, actionOnly: Bool)

  enum Method: Equatable, Sendable {
    case get, head, put, post, delete
  }

  /// - Parameter now: the start of a TTL.
  /// - Throws: the first invalid parameter, with index 0.
  init(
    _ method: Method, path: StorePath, form: Form, now: StoreTime
  ) throws(StoreError) {
    let prevIndex = try Self.index("prevIndex", in: form)
    let waitIndex = try Self.index("waitIndex", in: form)
    let isRecursive = try Self.flag("recursive", in: form)
    let isSorted = try Self.flag("sorted", in: form)
    let isWatch = try Self.flag("wait", in: form)
    let isDirectory = try Self.flag("dir", in: form)
    let isQuorum = try Self.flag("quorum", in: form)
    let isStream = try Self.flag("stream", in: form)
    if isWatch, method != .get {
      throw StoreError(.invalidField, cause: "\"wait\" can only be used with GET requests")
    }
    let prevValue = form["prevValue"]
    if prevValue?.isEmpty == true {
      throw StoreError(.previousValueRequired, cause: "\"prevValue\" cannot be empty")
    }
    let actionOnly = try Self.flag("noValueOnSuccess", in: form)
    var ttl: UInt64?
    if let text = form["ttl"], !text.isEmpty {
      guard let seconds = Self.unsigned(text) else {
        throw StoreError(.ttlNotANumber, cause: "invalid value for \"ttl\"")
      }
      ttl = seconds
    }
    let prevExist = try Self.optionalFlag("prevExist", in: form)
    let isRefresh = try Self.optionalFlag("refresh", in: form) ?? false
    if isRefresh {
      if form["value"]?.isEmpty == false {
        throw StoreError(.valueOnRefresh, cause: "A value was provided on a refresh")
      }
      if ttl == nil { throw StoreError(.ttlRequiredOnRefresh, cause: "No TTL value set") }
    }

    // Zero counts as not given.
    var condition: Command.Condition?
    if prevIndex != 0 || prevValue != nil {
      condition = Command.Condition(value: prevValue, index: prevIndex == 0 ? nil : prevIndex)
    }
    let new = Command.NewNode(
      value: form["value"] ?? [], isDirectory: isDirectory,
      deadline: ttl.map(now.advanced(bySeconds:)), isRefresh: isRefresh)
    switch method {
    case .get where isWatch && !isQuorum:
      self = .watch(
        path, isRecursive: isRecursive, isStream: isStream,
        waitIndex: waitIndex == 0 ? nil : waitIndex)
    case .get, .head:
      self = .get(path, isRecursive: isRecursive, isSorted: isSorted)
    case .put:
      let command: Command =
        switch (prevExist, condition) {
        case (false, _): .create(path, new)
        case (_, let condition?): .compareAndSwap(path, condition, new)
        case (true, nil): .update(path, new)
        case (nil, nil): .set(path, new)
        }
      self = .change(command, actionOnly: actionOnly)
    case .post:
      self = .change(.createInOrder(path, new), actionOnly: actionOnly)
    case .delete:
      let command: Command =
        if let condition {
          .compareAndDelete(path, condition)
        } else {
          .delete(path, isDirectory: isDirectory, isRecursive: isRecursive)
        }
      // etcd ignores `noValueOnSuccess` here.
      self = .change(command, actionOnly: false)
    }
  }

  private static func index(_ name: StaticString, in form: Form) throws(StoreError) -> UInt64 {
    guard let text = form[name] else { return 0 }
    guard let index = self.unsigned(text) else {
      throw StoreError(.indexNotANumber, cause: "invalid value for \"\(name)\"")
    }
    return index
  }

  static func flag(_ name: StaticString, in form: Form) throws(StoreError) -> Bool {
    guard let text = form[name] else { return false }
    guard let flag = self.boolean(text) else {
      throw StoreError(.invalidField, cause: "invalid value for \"\(name)\"")
    }
    return flag
  }

  /// A flag that may be missing. Its error has no quotes in etcd.
  private static func optionalFlag(_ name: StaticString, in form: Form) throws(StoreError) -> Bool?
  {
    guard let text = form[name] else { return nil }
    guard let flag = self.boolean(text) else {
      throw StoreError(.invalidField, cause: "invalid value for \(name)")
    }
    return flag
  }

  /// Source: Go's `strconv.ParseUint` in base 10: digits only.
  private static func unsigned(_ text: [UInt8]) -> UInt64? {
    guard !text.isEmpty, text.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
    return UInt64(String(decoding: text, as: UTF8.self))
  }

  /// Source: Go's `strconv.ParseBool`.
  private static func boolean(_ text: [UInt8]) -> Bool? {
    switch String(decoding: text, as: UTF8.self) {
    case "1", "t", "T", "TRUE", "true", "True": true
    case "0", "f", "F", "FALSE", "false", "False": false
    default: nil
    }
  }
}
