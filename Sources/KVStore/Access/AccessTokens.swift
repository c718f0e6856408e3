/// The tokens that clients hold, as a value: which user one stands for, and until when.
///
/// A restart ends them all, and so does a new password of their user. Source: etcd's simple tokens.
struct AccessTokens {
  private struct Entry {
    let user: String
    var end: StoreTime
  }

  private var entries: [String: Entry] = [:]
  private var count = 0

  /// Seconds after its last use. Source: `simpleTokenTTLDefault`.
  static let lifetime: UInt64 = 300

  /// - Parameter letters: of a random text.
  mutating func add(for user: String, letters: String, now: StoreTime) -> String {
    self.count += 1
    let token = "\(letters).\(self.count)"
    self.entries = self.entries.filter { $0.value.end > now }
    self.entries[token] = Entry(user: user, end: now.advanced(bySeconds: Self.lifetime))
    return token
  }

  /// - Returns: the user of a token that is in force.
  mutating func user(of token: String, now: StoreTime) -> String? {
    guard let entry = self.entries[token], entry.end > now else { return nil }
    self.entries[token]?.end = now.advanced(bySeconds: Self.lifetime)
    return entry.user
  }

  mutating func removeAll(of user: String) {
    self.entries = self.entries.filter { $0.value.user != user }
  }

  mutating func removeAll() { self.entries = [:] }
}
