/// The choice between etcd's two APIs for one key, as a value.
///
/// Electors in two APIs see nothing of each other, so a choice must be the same for all of them and for ever.
/// Therefore it is recorded, in the v3 API of the store: every member of etcd 3.4 and newer answers there,
/// with its v2 API on or off, and a member's read shows what the majority has.
///
/// What always holds:
/// 1. A record decides, and an elector whose `--etcd-api` contradicts it takes no part.
/// 2. Without a record, v3 is chosen only when every endpoint has said that it has no v2 API. One that has it
///    is enough for v2.
/// 3. A choice is used only once it is recorded, unless the store surely keeps no record of ours.
struct APIChoice: Equatable, Sendable {
  /// What an endpoint says of the record.
  enum Record: Equatable, Sendable {
    case found(EtcdAPI)
    case absent
    /// It has the v3 API, but not for us.
    case denied(EtcdClientError)
    /// It has no v3 API.
    case missing(EtcdClientError)
    case silent(EtcdClientError)
  }

  /// What one endpoint says.
  struct Word: Equatable, Sendable {
    var endpoint: EtcdEndpoint
    var record: Record
    /// `nil` when it was not asked, since v3 is wanted.
    var hasV2: Result<Bool, EtcdClientError>?
  }

  enum Verdict: Equatable, Sendable {
    /// - `records`: before it is used.
    case use(EtcdAPI, records: Bool)
    case fail(EtcdClientError)
  }

  /// The lock key.
  let key: String
  /// What `--etcd-api` names; `nil` for `auto`.
  let wanted: EtcdAPI?

  /// The name of the record's key, beside the lock key as the other side keys are.
  static func recordKey(for key: String) -> String {
    var components = key.split(separator: "/").map(String.init)
    components.append("_\(components.popLast() ?? "").api")
    return components.joined(separator: "/")
  }

  /// - Parameter words: of all endpoints, each once.
  func verdict(_ words: [Word]) -> Verdict {
    var (isReadable, isDenied) = (false, false)
    var (missing, silent): (EtcdClientError?, EtcdClientError?)
    for word in words {
      switch word.record {
      case .found(let api):
        guard let wanted, wanted != api else { return .use(api, records: false) }
        return .fail(
          .otherAPI(key: Self.recordKey(for: self.key), recorded: api, wanted: wanted))
      case .absent: isReadable = true
      case .denied: isDenied = true
      case .missing(let error): missing = error
      case .silent(let error): silent = error
      }
    }
    let api: EtcdAPI
    switch self.wanted.map({ .success($0) }) ?? self.found(words) {
    case .success(let found): api = found
    case .failure(let error): return .fail(error)
    }
    // A name that no server can serve is not recorded: it would be in the way of the right one.
    let isServed = api == .v3 || words.contains { $0.hasV2 == .success(true) }
    if isReadable { return .use(api, records: isServed) }
    // Without any word about the record there may be one.
    if !isDenied, let error = api == .v2 && missing != nil ? nil : silent ?? missing {
      return .fail(error)
    }
    return .use(api, records: false)
  }

  /// Whether the words of other endpoints cannot change the verdict.
  func isCertain(_ words: [Word]) -> Bool {
    var (isReadable, isChosen) = (false, self.wanted == .v3)
    for word in words {
      if case .found = word.record { return true }
      isReadable = isReadable || word.record == .absent
      isChosen = isChosen || word.hasV2 == .success(true)
    }
    return isReadable && isChosen
  }

  /// Why there can be no record.
  func denial(in words: [Word]) -> EtcdClientError? {
    for word in words { if case .denied(let error) = word.record { return error } }
    return nil
  }

  /// The API that the endpoints have, without a record.
  private func found(_ words: [Word]) -> Result<EtcdAPI, EtcdClientError> {
    var silent: EtcdClientError?
    for word in words {
      switch word.hasV2 {
      case .success(true): return .success(.v2)
      case .success(false), nil: break
      case .failure(let error):
        silent = silent ?? .apiUndecided(endpoint: word.endpoint, reason: error.description)
      }
    }
    return silent.map { .failure($0) } ?? .success(.v3)
  }
}
